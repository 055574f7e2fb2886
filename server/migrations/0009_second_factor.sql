-- The second factor of users who sign in with a password: a secret that their device shares with us (RFC 6238).
create table genai.second_factors (
  tenant_id text not null,
  user_id text not null,
  secret_sealed bytea not null,
  -- Null until a code has shown that the device has the secret; until then it is asked for nowhere.
  confirmed_at timestamptz,
  -- The step of the code that was accepted last: that code and earlier ones are refused from then on.
  last_step bigint not null default 0,
  created_at timestamptz not null default now(),
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references genai.users (tenant_id, id)
);
alter table genai.second_factors enable row level security;
alter table genai.second_factors force row level security;
create policy tenant_isolation on genai.second_factors for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on genai.second_factors to genai_app;

-- For who lost the device. A code works once: using it deletes its row.
create table genai.recovery_codes (
  tenant_id text not null,
  user_id text not null,
  code_hash bytea not null,
  primary key (tenant_id, user_id, code_hash),
  foreign key (tenant_id, user_id) references genai.second_factors (tenant_id, user_id)
);
alter table genai.recovery_codes enable row level security;
alter table genai.recovery_codes force row level security;
create policy tenant_isolation on genai.recovery_codes for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, delete on genai.recovery_codes to genai_app;
