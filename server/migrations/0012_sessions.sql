-- Work under way is ended when its session is: every process looks after the sessions of all tenants that it serves.
create policy system_access on genai.sessions for select to genai_system using (true);
grant select (tenant_id, id, user_id, expires_at) on genai.sessions to genai_system;

-- The network that a session was last used from, without the part that names a single machine; sealed by vault/.
alter table genai.sessions add column network_sealed bytea;
