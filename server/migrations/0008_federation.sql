-- Sign-in by the identity provider of a tenant: who that is, which of its subjects are which users, and sign-ins on their
-- way from the provider to the page.

-- One for each tenant. What may be given by its rules was checked against the rights of the admin who wrote them.
create table genai.identity_providers (
  tenant_id text primary key references genai.tenants (tenant_id),
  issuer text not null,
  client_id text not null,
  -- Null for a client without secret. It goes when issuer or client change: it must never be sent to somebody else.
  client_secret_sealed bytea,
  scopes text[] not null,
  -- Signature algorithms, all of one kind of key.
  algorithms text[] not null,
  -- [{claim, value, role?, clearance?}]: the first rule that fits and names a role gives it; the same for the clearance.
  rules jsonb not null,
  -- What those get whom no rule fits; null: no access.
  default_role text,
  default_clearance genai.classification_tier,
  provisions_users boolean not null,
  links_by_email boolean not null,
  sign_in_required boolean not null,
  accepts_access_tokens boolean not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table genai.identity_providers enable row level security;
alter table genai.identity_providers force row level security;
create policy tenant_isolation on genai.identity_providers for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
-- Requests under way end when their provider's tokens are no longer taken, whichever process serves them.
create policy system_access on genai.identity_providers for select to genai_system using (true);
grant select, insert, update, delete on genai.identity_providers to genai_app;
grant select (tenant_id, issuer, accepts_access_tokens) on genai.identity_providers to genai_system;

-- Which user a subject of an issuer is. The subject itself, which may be an address, is not kept: its digest under a key of
-- the tenant finds it, and tells nobody that a person is in two tenants.
create table genai.user_identities (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  user_id text not null,
  issuer text not null,
  subject_digest bytea not null,
  created_at timestamptz not null default now(),
  last_sign_in_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, issuer, subject_digest),
  foreign key (tenant_id, user_id) references genai.users (tenant_id, id)
);
create index user_identities_user on genai.user_identities (tenant_id, user_id);
alter table genai.user_identities enable row level security;
alter table genai.user_identities force row level security;
create policy tenant_isolation on genai.user_identities for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy system_access on genai.user_identities for select to genai_system using (true);
grant select, insert, update, delete on genai.user_identities to genai_app;
grant select (tenant_id, id, user_id, issuer) on genai.user_identities to genai_system;

-- Sign-ins that the provider has confirmed. The row stays until the attempt would have expired, so that no answer of the
-- provider counts twice; its one-time code is gone with the first use.
create table genai.sign_ins (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  user_id text not null,
  code_hash bytea,
  -- HMAC of the cookie of the browser in which the attempt began.
  browser_hash bytea not null,
  code_expires_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references genai.users (tenant_id, id)
);
alter table genai.sign_ins enable row level security;
alter table genai.sign_ins force row level security;
create policy tenant_isolation on genai.sign_ins for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on genai.sign_ins to genai_app;
