-- Teams have members, and users and teams may come from a directory, by SCIM.

-- Somebody may be in several teams.
create table genai.team_members (
  tenant_id text not null,
  team_id text not null,
  user_id text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, team_id, user_id),
  foreign key (tenant_id, team_id) references genai.teams (tenant_id, id) on delete cascade,
  foreign key (tenant_id, user_id) references genai.users (tenant_id, id) on delete cascade
);
create index team_members_user on genai.team_members (tenant_id, user_id);

-- Row-level security binds the owner of a table too while it is forced.
alter table genai.users no force row level security;
insert into genai.team_members (tenant_id, team_id, user_id)
  select tenant_id, team_id, id from genai.users where team_id is not null and status <> 'deleted';
alter table genai.users force row level security;
alter table genai.users drop column team_id;

alter table genai.team_members enable row level security;
alter table genai.team_members force row level security;
create policy tenant_isolation on genai.team_members for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
-- The teams of the user of an API key are read with the key, before its tenant is known.
create policy system_access on genai.team_members for select to genai_system using (true);
grant select, insert, delete on genai.team_members to genai_app;
grant select (tenant_id, team_id, user_id) on genai.team_members to genai_system;

-- What a directory calls a team. Its name for a person is personal: found again by its HMAC, read by the tenant's key alone.
alter table genai.teams
  add column external_id text,
  add column updated_at timestamptz not null default now();
create unique index teams_external_id on genai.teams (tenant_id, external_id);
-- Whose an id is that was named by somebody else, for security events.
create policy system_ownership on genai.teams for select to genai_system using (true);
create index teams_id on genai.teams (id);
grant select (tenant_id, id) on genai.teams to genai_system;
alter table genai.users
  add column external_id_hash bytea,
  add column external_id_sealed bytea,
  -- JSON of what a directory sent of a person, to be sent back.
  add column profile_sealed bytea;
create unique index users_external_id on genai.users (tenant_id, external_id_hash);

-- Grants go with their team.
alter table genai.collection_grants no force row level security;
alter table genai.teams no force row level security;
delete from genai.collection_grants as held where subject_kind = 'team'
  and not exists (select from genai.teams where tenant_id = held.tenant_id and id = held.subject_id);
alter table genai.teams force row level security;
alter table genai.collection_grants force row level security;
alter table genai.collection_grants
  add column team_id text generated always as (case when subject_kind = 'team' then subject_id end) stored,
  add foreign key (tenant_id, team_id) references genai.teams (tenant_id, id) on delete cascade;
create index collection_grants_team on genai.collection_grants (tenant_id, team_id) where team_id is not null;
