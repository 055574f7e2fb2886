-- Requests, upstream attempts and charges. Money is integer nano-dollars.

create type genai.http_method as enum ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS');
create type genai.request_outcome as enum ('succeeded', 'degraded', 'blocked', 'failed', 'cancelled');

-- One row per question or chat, written when it ends.
create table genai.requests (
  tenant_id text not null,
  id text not null,
  user_id text not null,
  credential_id text not null,
  method genai.http_method not null,
  operation text not null,
  outcome genai.request_outcome not null,
  error_code text,
  model text,
  classification genai.classification_tier,
  started_at timestamptz not null,
  duration_ms integer not null,
  primary key (tenant_id, id)
);
create index requests_time on genai.requests (tenant_id, started_at desc, id desc);
alter table genai.requests enable row level security;
alter table genai.requests force row level security;
create policy tenant_read on genai.requests for select to genai_app
  using (tenant_id = current_setting('app.tenant_id', true));
create policy system_settle on genai.requests for all to genai_system using (true) with check (true);
grant select on genai.requests to genai_app;
grant select, insert on genai.requests to genai_system;

-- Durable before the upstream is called, so that no call can go unrecorded. Holds all that a charge at the bound needs,
-- in case a crash makes the usage unknowable.
create table genai.attempts (
  tenant_id text not null,
  request_id text not null,
  number integer not null check (number > 0),
  user_id text not null,
  credential_id text not null,
  operation text not null,
  provider text not null,
  model text not null,
  estimated_input_tokens integer not null check (estimated_input_tokens >= 0),
  estimated_output_tokens integer not null check (estimated_output_tokens >= 0),
  estimated_cost_nano bigint not null check (estimated_cost_nano >= 0),
  started_at timestamptz not null,
  primary key (tenant_id, request_id, number)
);
create index attempts_time on genai.attempts (tenant_id, started_at);
alter table genai.attempts enable row level security;
alter table genai.attempts force row level security;
create policy tenant_read on genai.attempts for select to genai_app
  using (tenant_id = current_setting('app.tenant_id', true));
create policy system_record on genai.attempts for all to genai_system using (true) with check (true);
grant select on genai.attempts to genai_app;
grant select, insert on genai.attempts to genai_system;

-- Append-only. One charge per request and kind, whatever is retried.
create table genai.usage_events (
  tenant_id text not null,
  id text not null,
  request_id text not null,
  kind text not null check (kind in ('charge', 'correction')),
  user_id text not null,
  credential_id text not null,
  provider text not null,
  model text not null,
  estimated_input_tokens integer not null,
  estimated_output_tokens integer not null,
  estimated_cost_nano bigint not null,
  input_tokens integer not null,
  output_tokens integer not null,
  cost_nano bigint not null,
  -- Who counted: the provider, we, or nobody (settled at the reserved bound).
  usage_source text not null check (usage_source in ('provider', 'counted', 'unconfirmed')),
  occurred_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, request_id, kind)
);
create index usage_events_time on genai.usage_events (tenant_id, occurred_at);
alter table genai.usage_events enable row level security;
alter table genai.usage_events force row level security;
create policy tenant_read on genai.usage_events for select to genai_app
  using (tenant_id = current_setting('app.tenant_id', true));
create policy system_settle on genai.usage_events for all to genai_system using (true) with check (true);
grant select on genai.usage_events to genai_app;
grant select, insert on genai.usage_events to genai_system;
