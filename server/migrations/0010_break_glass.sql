-- Read access of platform operators to one tenant: for a reason, for a while, in plain sight of the tenant.

create table genai.break_glass_accesses (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  -- Of operator_keys, which belong to no tenant; so there is no foreign key.
  operator_id text not null,
  reason_sealed bytea not null,
  clearance genai.classification_tier not null,
  secret_hash bytea not null,
  opened_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_by text,
  primary key (tenant_id, id)
);
-- A token is looked up before its tenant is known; ids are random, so uniqueness across tenants reveals nothing.
create unique index break_glass_accesses_id on genai.break_glass_accesses (id);
alter table genai.break_glass_accesses enable row level security;
alter table genai.break_glass_accesses force row level security;
create policy tenant_isolation on genai.break_glass_accesses for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy system_access on genai.break_glass_accesses for select to genai_system using (true);
grant select, insert, update (ended_at, ended_by) on genai.break_glass_accesses to genai_app;
grant select on genai.break_glass_accesses to genai_system;

-- Tenants of some tiers have to consent first: any admin does, for a while, and any admin takes all consents back.
create table genai.break_glass_consents (
  tenant_id text not null references genai.tenants (tenant_id),
  valid_until timestamptz not null,
  given_by text not null,
  given_at timestamptz not null default now(),
  primary key (tenant_id, given_by)
);
alter table genai.break_glass_consents enable row level security;
alter table genai.break_glass_consents force row level security;
create policy tenant_isolation on genai.break_glass_consents for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on genai.break_glass_consents to genai_app;
