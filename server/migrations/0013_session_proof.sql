-- How the person behind a session proved who they are: whoever came through an identity provider has no need of a second
-- factor of ours.
alter table genai.sessions
  add column proof text not null default 'password' check (proof in ('password', 'provider'));
