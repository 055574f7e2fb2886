-- Roles, schema and extensions. Runs as the owner login (it may create roles and extensions), before every
-- numbered migration, and is idempotent. All later files run as genai_owner.
--
--   genai_owner   owns the schema; used for migrations and index definitions only
--   genai_app     tenant transactions; sees the rows of the tenant in app.tenant_id
--   genai_system  the listed cross-tenant steps (authentication, settlement, jobs); own policies, never BYPASSRLS
do $$
begin
  if not exists (select from pg_roles where rolname = 'genai_owner') then
    create role genai_owner nologin nosuperuser nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'genai_app') then
    create role genai_app nologin nosuperuser nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'genai_system') then
    create role genai_system nologin nosuperuser nobypassrls;
  end if;
  if not pg_has_role(current_user, 'genai_owner', 'member') then
    execute format('grant genai_owner to %I', current_user);
  end if;
end
$$;

create extension if not exists vector;
create extension if not exists btree_gin;

create schema if not exists genai authorization genai_owner;
grant usage on schema genai to genai_app, genai_system;
revoke create on schema public from public;

create table if not exists genai.schema_migrations (
  name text primary key,
  checksum text not null,
  applied_at timestamptz not null default now()
);
alter table genai.schema_migrations owner to genai_owner;
grant select on genai.schema_migrations to genai_app, genai_system;
