-- Users, API keys, login sessions, and the operators' own realm.

create type genai.user_role as enum ('admin', 'analyst', 'viewer');
create type genai.user_status as enum ('active', 'suspended', 'deleted');

create table genai.users (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  -- Lower case by the rules of "C": of a locale's own rules, the server and the database could differ.
  email text not null check (email = lower(email collate "C")),
  name text not null,
  role genai.user_role not null,
  clearance genai.classification_tier not null,
  status genai.user_status not null default 'active',
  team_id text,
  -- Argon2id, sealed by vault/: without the key service there is nothing to guess against. Null: no login by password.
  password_hash_sealed bytea,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, email),
  foreign key (tenant_id, team_id) references genai.teams (tenant_id, id)
);
-- Login names an address, perhaps without its tenant.
create index users_email on genai.users (email);
create index users_id on genai.users (id);
alter table genai.users enable row level security;
alter table genai.users force row level security;
create policy tenant_isolation on genai.users for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy system_access on genai.users for select to genai_system using (true);
grant select, insert, update on genai.users to genai_app;
grant select on genai.users to genai_system;

create table genai.api_keys (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  user_id text not null,
  name text not null,
  secret_hash bytea not null,
  hint text not null,
  scopes text[],
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references genai.users (tenant_id, id)
);
-- A key is looked up before its tenant is known; ids are random, so uniqueness across tenants reveals nothing.
create unique index api_keys_id on genai.api_keys (id);
alter table genai.api_keys enable row level security;
alter table genai.api_keys force row level security;
create policy tenant_isolation on genai.api_keys for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy system_access on genai.api_keys for select to genai_system using (true);
create policy system_touch on genai.api_keys for update to genai_system using (true) with check (true);
grant select, insert, update on genai.api_keys to genai_app;
grant select, update (last_used_at) on genai.api_keys to genai_system;

-- A session stands exactly as long as its row; ending it deletes the row.
create table genai.sessions (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  user_id text not null,
  -- HMAC of the one refresh token that is good now. Any other that proves to be ours is a replay.
  refresh_hash bytea not null,
  user_agent text,
  expires_at timestamptz not null,
  last_used_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references genai.users (tenant_id, id)
);
create index sessions_user on genai.sessions (tenant_id, user_id);
alter table genai.sessions enable row level security;
alter table genai.sessions force row level security;
create policy tenant_isolation on genai.sessions for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on genai.sessions to genai_app;

-- Platform operators are of no tenant, so this table has no tenant column and only genai_system may read it.
create table genai.operator_keys (
  id text primary key,
  name text not null unique,
  secret_hash bytea not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
alter table genai.operator_keys enable row level security;
alter table genai.operator_keys force row level security;
create policy system_access on genai.operator_keys for all to genai_system using (true) with check (true);
grant select, insert, update on genai.operator_keys to genai_system;
