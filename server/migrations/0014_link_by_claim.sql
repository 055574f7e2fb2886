-- The claim whose value the directory of a tenant sends as externalId (SCIM): it tells which provisioned user somebody is.
alter table genai.identity_providers add column links_by_claim text;
