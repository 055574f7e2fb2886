-- Collections, documents and the passages that are searched.
-- Columns named *_sealed hold the output of vault/: sealed or, where policy allows, marked plain.

create table genai.collections (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  name text not null,
  default_classification genai.classification_tier not null default 'internal',
  created_by text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
alter table genai.collections enable row level security;
alter table genai.collections force row level security;
create policy tenant_isolation on genai.collections for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
-- Whose an id is that was named by somebody else, for security events.
create policy system_ownership on genai.collections for select to genai_system using (true);
create index collections_id on genai.collections (id);
grant select, insert, update, delete on genai.collections to genai_app;
grant select (tenant_id, id) on genai.collections to genai_system;

-- Who may read a collection; no grant, no access (admins of the tenant excepted).
create table genai.collection_grants (
  tenant_id text not null,
  collection_id text not null,
  subject_kind text not null check (subject_kind in ('everyone', 'role', 'team', 'user')),
  subject_id text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, collection_id, subject_kind, subject_id),
  foreign key (tenant_id, collection_id) references genai.collections (tenant_id, id) on delete cascade
);
alter table genai.collection_grants enable row level security;
alter table genai.collection_grants force row level security;
create policy tenant_isolation on genai.collection_grants for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, delete on genai.collection_grants to genai_app;

create type genai.document_status as enum ('uploaded', 'parsing', 'chunking', 'embedding', 'indexed', 'failed');

create table genai.documents (
  tenant_id text not null references genai.tenants (tenant_id),
  id text not null,
  collection_id text not null,
  classification genai.classification_tier not null,
  title_sealed bytea not null,
  filename_sealed bytea not null,
  format text not null,
  media_type text not null,
  size_bytes bigint not null,
  -- HMAC under the tenant's key: finds the same bytes again within the tenant, means nothing elsewhere.
  content_hash bytea not null,
  version integer not null default 1,
  status genai.document_status not null default 'uploaded',
  -- Share of the work done, 0 to 100.
  progress smallint not null default 0 check (progress between 0 and 100),
  -- Attempts at ingestion that were started and not cut short by a stop of the server.
  attempts smallint not null default 0,
  -- Attempts that never ended: the server was killed meanwhile.
  interruptions smallint not null default 0,
  error_code text,
  error_detail text,
  page_count integer,
  chunk_count integer,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, collection_id) references genai.collections (tenant_id, id)
);
create index documents_id on genai.documents (id);
create index documents_collection on genai.documents (tenant_id, collection_id, content_hash);
create index documents_unfinished on genai.documents (tenant_id, status) where status not in ('indexed', 'failed');
alter table genai.documents enable row level security;
alter table genai.documents force row level security;
create policy tenant_isolation on genai.documents for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
-- Finding interrupted ingestions after a crash needs ids of all tenants, and nothing else.
create policy system_recovery on genai.documents for select to genai_system using (true);
grant select, insert, update, delete on genai.documents to genai_app;
grant select (tenant_id, id, status) on genai.documents to genai_system;

create table genai.document_versions (
  tenant_id text not null,
  document_id text not null,
  version integer not null,
  -- Names the bytes in blobs/.
  blob_key text not null,
  -- The text that offsets of citations count in; null until parsed.
  text_sealed bytea,
  -- [{number, start, end}] in code points of the text; null where the format has no pages.
  pages jsonb,
  embedder_profile text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, document_id, version),
  foreign key (tenant_id, document_id) references genai.documents (tenant_id, id) on delete cascade
);
alter table genai.document_versions enable row level security;
alter table genai.document_versions force row level security;
create policy tenant_isolation on genai.document_versions for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on genai.document_versions to genai_app;

-- Classification and collection are repeated here so that both filter inside the search query, never after it.
--
-- No index on words or vectors: row-level security lets no operator into an index condition that is not leakproof, and
-- neither @@ nor <=> is (nor = on an enum, so classification is in no index either). Searches read the tenant's visible
-- chunks; what they read is therefore kept in line, not out of line where each row would cost another look-up.
create table genai.chunks (
  tenant_id text not null,
  document_id text not null,
  version integer not null,
  position integer not null,
  collection_id text not null,
  classification genai.classification_tier not null,
  page integer,
  -- Place in the text of the version, in code points.
  start_offset integer not null,
  end_offset integer not null,
  heading_path_sealed bytea not null,
  text_sealed bytea not null,
  -- The stemmed words of the passage with their positions, each as an HMAC under the tenant's key.
  lexemes tsvector not null,
  -- Null for restricted passages: a vector reveals its text.
  embedding vector(512),
  primary key (tenant_id, document_id, version, position),
  foreign key (tenant_id, document_id) references genai.documents (tenant_id, id) on delete cascade
);
alter table genai.chunks alter lexemes set storage main, alter embedding set storage plain;
create index chunks_collection on genai.chunks (tenant_id, collection_id);
alter table genai.chunks enable row level security;
alter table genai.chunks force row level security;
create policy tenant_isolation on genai.chunks for all to genai_app
  using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on genai.chunks to genai_app;
