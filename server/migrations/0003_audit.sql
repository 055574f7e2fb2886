-- What happened (audit_events, the tenant's own log) and what looked like an attack (security_events, operators only).

create type genai.incident_severity as enum ('low', 'medium', 'high', 'critical');

-- body is RFC 8785 canonical JSON in which personal fields are salted commitments; the values and salts stand sealed in
-- personal_sealed, so that erasing them leaves the log verifiable. No foreign key: the log outlives its tenant.
create table genai.audit_events (
  tenant_id text not null,
  id text not null,
  occurred_at timestamptz not null,
  action text not null,
  outcome text not null check (outcome in ('success', 'failure', 'denied')),
  request_id text,
  body text not null,
  personal_sealed bytea,
  primary key (tenant_id, id)
);
alter table genai.audit_events enable row level security;
alter table genai.audit_events force row level security;
create policy tenant_read on genai.audit_events for select to genai_app
  using (tenant_id = current_setting('app.tenant_id', true));
create policy tenant_append on genai.audit_events for insert to genai_app
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy system_read on genai.audit_events for select to genai_system using (true);
create policy system_append on genai.audit_events for insert to genai_system with check (true);
grant select, insert on genai.audit_events to genai_app, genai_system;

-- tenant_id is the tenant of whoever acted. Tenants may add but never read: the row may name what is not theirs.
create table genai.security_events (
  tenant_id text not null,
  id text not null,
  occurred_at timestamptz not null default now(),
  kind text not null,
  severity genai.incident_severity not null,
  request_id text,
  user_id text,
  -- Not jsonb, which refuses some strings that JSON can say and an attacker can send.
  details json not null,
  primary key (tenant_id, id)
);
create index security_events_time on genai.security_events (tenant_id, occurred_at desc);
alter table genai.security_events enable row level security;
alter table genai.security_events force row level security;
create policy tenant_append on genai.security_events for insert to genai_app
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy system_access on genai.security_events for all to genai_system using (true) with check (true);
grant insert on genai.security_events to genai_app;
grant select, insert on genai.security_events to genai_system;
