-- Which tenants have so many passages that their vectors deserve an index of their own. The indexes themselves are made
-- and dropped while the server runs: one per such tenant, partial on its id. An index that tenants share would tell, by the
-- time of a search and by what it misses, how much others have near a question.
grant select (chunk_count, classification) on genai.documents to genai_system;
