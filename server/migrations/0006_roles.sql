-- Roles that tenants make, beside the built-in admin, analyst and viewer, which stand in access/permissions.ts.

create table genai.roles (
  tenant_id text not null references genai.tenants (tenant_id),
  -- Not the name of a built-in role: whoever held such a role would have what its maker wrote into it.
  name text not null
    check (name ~ '^[a-z][a-z0-9-]{1,62}$' and name <> 'admin' and name <> 'analyst' and name <> 'viewer'),
  description text not null,
  permissions text[] not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, name)
);
alter table genai.roles enable row level security;
alter table genai.roles force row level security;
create policy tenant_isolation on genai.roles for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
-- What the user of an API key may do is read with the key, before its tenant is known.
create policy system_access on genai.roles for select to genai_system using (true);
grant select, insert, update, delete on genai.roles to genai_app;
grant select (tenant_id, name, permissions) on genai.roles to genai_system;

-- A role that is neither built in nor the tenant's own cannot be given, and one that somebody holds cannot be deleted.
-- A deleted user holds none.
alter table genai.users alter column role type text using role::text;
drop type genai.user_role;
alter table genai.users
  add column custom_role text generated always as (
    case when status = 'deleted' or role in ('admin', 'analyst', 'viewer') then null else role end
  ) stored,
  add foreign key (tenant_id, custom_role) references genai.roles (tenant_id, name);
create index users_custom_role on genai.users (tenant_id, custom_role) where custom_role is not null;

-- Grants go with their role, lest they fall to a later one of its name.
alter table genai.collection_grants
  add column custom_role text generated always as (
    case when subject_kind = 'role' and subject_id not in ('admin', 'analyst', 'viewer') then subject_id end
  ) stored,
  add foreign key (tenant_id, custom_role) references genai.roles (tenant_id, name) on delete cascade;
create index collection_grants_custom_role on genai.collection_grants (tenant_id, custom_role)
  where custom_role is not null;
