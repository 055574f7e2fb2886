-- Tenants, teams, and the keys that seal a tenant's content.

create type genai.tenant_tier as enum ('enterprise', 'professional', 'starter', 'free');
create type genai.tenant_status as enum ('active', 'suspended', 'deleted');
create type genai.classification_tier as enum ('public', 'internal', 'confidential', 'restricted');

create table genai.tenants (
  tenant_id text primary key,
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$'),
  name text not null,
  tier genai.tenant_tier not null,
  status genai.tenant_status not null default 'active',
  region text not null default 'local',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table genai.tenants enable row level security;
alter table genai.tenants force row level security;
create policy tenant_isolation on genai.tenants for select to genai_app
  using (tenant_id = current_setting('app.tenant_id', true));
create policy system_access on genai.tenants for all to genai_system using (true) with check (true);
grant select on genai.tenants to genai_app;
grant select, insert, update on genai.tenants to genai_system;

create table genai.teams (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  name text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
alter table genai.teams enable row level security;
alter table genai.teams force row level security;
create policy tenant_isolation on genai.teams for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on genai.teams to genai_app;

-- Data keys, wrapped by a key encryption key. Old versions stay for opening; the newest seals. No foreign key: the key is
-- made first, so that a tenant and the audit row of its creation stand in one transaction; and the operators' own realm,
-- `platform`, has a key without being a tenant.
create table genai.data_keys (
  tenant_id text not null,
  version integer not null check (version > 0),
  wrapped_key bytea not null,
  key_encryption_key_id text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, version)
);
alter table genai.data_keys enable row level security;
alter table genai.data_keys force row level security;
create policy tenant_isolation on genai.data_keys for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert on genai.data_keys to genai_app;
