// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is code that is planted

/**
 * Deliberate holes in the walls between tenants. Each must turn a test red, or be refused at start by the check of the
 * catalogue; `make isolation-mutants` shows it. Every store, cache and index that is added later adds its own.
 */

/** A hole. */
export interface Mutant {
  /** What is broken, as a short sentence. */
  readonly name: string;
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Test files of which one must fail. */
  readonly tests: readonly string[];
}

const tenantPredicate = `using (tenant_id = current_setting('app.tenant_id', true))
  with check (tenant_id = current_setting('app.tenant_id', true))`;
const policyOf = (table: string) => `create policy tenant_isolation on genai.${table} for all to genai_app
  ${tenantPredicate};`;

/** All holes, by wall. */
export const mutants: readonly Mutant[] = [
  // The database.
  {
    name: 'A table has no policy.',
    file: 'server/migrations/0004_documents.sql',
    find: policyOf('chunks'),
    replace: '',
    tests: ['server/src/search/postgres-index.test.ts'],
  },
  {
    name: 'A policy shows every row.',
    file: 'server/migrations/0004_documents.sql',
    find: policyOf('documents'),
    replace: 'create policy tenant_isolation on genai.documents for all to genai_app using (true) with check (true);',
    tests: ['server/test/row-isolation.test.ts'],
  },
  {
    name: 'A policy for all commands has no WITH CHECK.',
    file: 'server/migrations/0004_documents.sql',
    find: policyOf('collections'),
    replace: `create policy tenant_isolation on genai.collections for all to genai_app
      using (tenant_id = current_setting('app.tenant_id', true));`,
    tests: ['server/test/row-isolation.test.ts'],
  },
  {
    name: 'Row-level security is not forced.',
    file: 'server/migrations/0002_identity.sql',
    find: 'alter table genai.api_keys force row level security;',
    replace: '',
    tests: ['server/src/identity/keys/api-keys.test.ts'],
  },
  {
    name: 'A foreign key tells whether an id exists anywhere.',
    file: 'server/migrations/0004_documents.sql',
    find: `  primary key (tenant_id, id),
  foreign key (tenant_id, collection_id) references genai.collections (tenant_id, id)`,
    replace: `  primary key (tenant_id, id),
  foreign key (collection_id, tenant_id) references genai.collections (id, tenant_id)`,
    tests: ['server/src/documents/documents.test.ts'],
  },
  {
    name: 'An address can be used in one tenant only, so that taking it tells of the others.',
    file: 'server/migrations/0002_identity.sql',
    find: '  unique (tenant_id, email),',
    replace: '  unique (email),',
    tests: ['server/src/identity/users/users.test.ts', 'server/src/identity/sessions/login.test.ts'],
  },
  {
    name: 'A view runs with the rights of its owner.',
    file: 'server/migrations/0004_documents.sql',
    find: 'grant select, insert, update, delete on genai.chunks to genai_app;',
    replace: `grant select, insert, update, delete on genai.chunks to genai_app;
create view genai.passages as select * from genai.chunks;
grant select on genai.passages to genai_app;`,
    tests: ['server/src/search/postgres-index.test.ts'],
  },
  {
    name: 'TRUNCATE is granted, which passes by row-level security.',
    file: 'server/migrations/0004_documents.sql',
    find: 'grant select, insert, update, delete on genai.chunks to genai_app;',
    replace: 'grant select, insert, update, delete, truncate on genai.chunks to genai_app;',
    tests: ['server/src/search/postgres-index.test.ts'],
  },
  {
    name: 'All tenants share an index of vectors.',
    file: 'server/migrations/0004_documents.sql',
    find: 'create index chunks_collection on genai.chunks (tenant_id, collection_id);',
    replace: `create index chunks_collection on genai.chunks (tenant_id, collection_id);
create index chunks_embedding on genai.chunks using hnsw (embedding vector_cosine_ops);`,
    tests: ['server/src/search/postgres-index.test.ts'],
  },
  // Transactions.
  {
    name: 'The tenant is set for the session, not for the transaction.',
    file: 'server/src/db/database.ts',
    find: "set_config('app.tenant_id', '${tenantId}', true)",
    replace: "set_config('app.tenant_id', '${tenantId}', false)",
    tests: ['server/src/db/database.test.ts', 'server/test/isolation/pooling.test.ts'],
  },
  {
    name: 'The role is set for the session, not for the transaction.',
    file: 'server/src/db/database.ts',
    find: "set_config('role', '${role}', true)",
    replace: "set_config('role', '${role}', false)",
    tests: ['server/src/db/database.test.ts', 'server/test/isolation/pooling.test.ts'],
  },
  {
    name: 'A transaction of a tenant runs as the system.',
    file: 'server/src/db/database.ts',
    find: "return transaction('genai_app', scope.tenantId,",
    replace: "return transaction('genai_system' as never, scope.tenantId,",
    tests: ['server/src/db/database.test.ts'],
  },
  {
    name: 'asSystem stands where withTenant belongs.',
    file: 'server/src/ledger/ledger.ts',
    find: 'usage: (scope, query) => database.withTenant(scope, (tx) => sumByGroup(tx, query)),',
    replace: "usage: (_scope, query) => database.asSystem('ledger.record', (tx) => sumByGroup(tx as never, query)),",
    tests: ['server/src/ledger/usage.test.ts', 'server/test/system-callers.test.ts'],
  },
  {
    name: 'A statement outlives its transaction.',
    file: 'server/src/db/database.ts',
    find: "if (!isOpen) throw new Error('The transaction has ended.');",
    replace: '',
    tests: ['server/src/db/database.test.ts'],
  },
  // Keys.
  {
    name: 'A sealed value opens in another tenant.',
    file: 'server/src/vault/tenant-vault.ts',
    find: 'return lengthPrefixed([tenantId, cell.table, cell.rowId, cell.column, header]);',
    replace: "return lengthPrefixed(['', cell.table, cell.rowId, cell.column, header]);",
    tests: ['server/src/vault/tenant-vault.test.ts'],
  },
  {
    name: 'A sealed value opens in another row.',
    file: 'server/src/vault/tenant-vault.ts',
    find: 'return lengthPrefixed([tenantId, cell.table, cell.rowId, cell.column, header]);',
    replace: "return lengthPrefixed([tenantId, cell.table, '', cell.column, header]);",
    tests: ['server/src/vault/tenant-vault.test.ts'],
  },
  {
    name: 'Words are digested alike for all tenants.',
    file: 'server/src/vault/tenant-vault.ts',
    find: 'key = derive(first.key, `digest ${purpose}`);',
    replace: 'key = derive(new Uint8Array(32), `digest ${purpose}`);',
    tests: ['server/src/vault/tenant-vault.test.ts', 'server/src/search/blind-words.test.ts'],
  },
  // Caches and counters.
  {
    name: 'Tenants share their counters in Redis.',
    file: 'server/src/limits/keys.ts',
    find: 'return `{${kinds[kind]}:${encodeURIComponent(id)}}:limits`;',
    replace: "return `{${kinds[kind]}:${kind === 'tenant' ? '' : encodeURIComponent(id)}}:limits`;",
    tests: ['server/src/limits/limits.test.ts'],
  },
  {
    name: 'Tenants share their counters in the process.',
    file: 'server/src/limits/memory-counters.ts',
    find: 'const state = scopes.get(id) ?? emptyScope();',
    replace: "const state = scopes.get('') ?? emptyScope(); scopes.set('', state);",
    tests: ['server/src/limits/limits.test.ts'],
  },
  // Identity.
  {
    name: 'The secret of an API key is not compared.',
    file: 'server/src/identity/keys/key-authentication.ts',
    find: 'if (found === undefined || !isSame || found.expiresAt.getTime() <= now()) return undefined;',
    replace: 'if (found === undefined || found.expiresAt.getTime() <= now()) return undefined;',
    tests: ['server/src/identity/authentication.test.ts', 'server/test/bad-credentials.test.ts'],
  },
  {
    name: 'Users of a suspended tenant stay signed in.',
    file: 'server/src/identity/sessions/session-authentication.ts',
    find: "const isActive = and(eq(users.status, 'active'), eq(tenants.status, 'active'));",
    replace: "const isActive = and(eq(users.status, 'active'));",
    tests: ['server/src/identity/authentication.test.ts', 'server/src/identity/sessions/sessions.test.ts'],
  },
  {
    name: 'A token of a provider is taken for any tenant.',
    file: 'server/src/identity/federation/federated-tokens.ts',
    find: 'audience: audienceOf(tenantId),',
    replace: 'audience: claimed.audiences[0] ?? audienceOf(tenantId),',
    tests: ['server/test/federated-tokens.test.ts'],
  },
  {
    name: 'A token of any issuer is verified with the keys of the tenant.',
    file: 'server/src/identity/federation/federated-tokens.ts',
    find: 'if (provider === undefined || !provider.acceptsAccessTokens || provider.issuer !== claimed.issuer)',
    replace: 'if (provider === undefined || !provider.acceptsAccessTokens)',
    tests: ['server/test/federated-tokens.test.ts'],
  },
  {
    name: 'Answers under way outlive their credential.',
    file: 'server/src/http/plugins/revocation.ts',
    find: 'if (standing.has(request.caller)) request.confirmedMs',
    replace: 'if (standing.has(request.caller) || true) request.confirmedMs',
    tests: ['server/src/http/plugins/revocation.test.ts'],
  },
  // Decisions.
  {
    name: 'Documents above the clearance are shown.',
    file: 'server/src/access/rules.ts',
    find: "    deny('clearance', held, ['document'], { field: 'classification', oneOf: classificationsWithin(clearance) }),\n",
    replace: '',
    tests: ['server/src/access/rules.test.ts', 'server/test/document-visibility.test.ts'],
  },
  {
    name: 'Collections are shown without a grant.',
    file: 'server/src/access/rules.ts',
    find: "    deny('grant', held, ['collection', 'document'], { field: 'readers', oneOf: readersFrom(principal) }),\n",
    replace: '',
    tests: ['server/src/access/rules.test.ts', 'server/test/document-visibility.test.ts'],
  },
  {
    name: 'A resource of another tenant is decided about like an own one.',
    file: 'server/src/access/rules.ts',
    find: "    deny('tenant', held, resourceKinds, { field: 'tenantId', oneOf: [tenantId] }),\n",
    replace: '',
    tests: ['server/src/access/rules.test.ts', 'server/src/access/decisions.test.ts'],
  },
  {
    name: 'A search is not told what may be seen.',
    file: 'server/src/search/find-chunks.ts',
    find: 'collection_id = any(${sql.param(visible.collectionIds)}::text[])',
    replace: 'cardinality(${sql.param(visible.collectionIds)}::text[]) >= 0',
    tests: ['server/src/search/postgres-index.test.ts'],
  },
  // The edge.
  {
    name: 'A foreign id is answered unlike an absent one.',
    file: 'server/src/documents/visibility.ts',
    find: `  const [row] = await (mode === 'lock' ? query.for('update') : query);
  if (row === undefined) throw new AppError('resource_not_found');`,
    replace: `  const [row] = await (mode === 'lock' ? query.for('update') : query);
  if (row === undefined) throw new AppError(/^doc_0+$/.test(id) ? 'resource_not_found' : 'permission_denied');`,
    tests: ['server/test/bad-credentials.test.ts'],
  },
  {
    name: 'A request may name another tenant.',
    file: 'server/src/http/plugins/tenant-wall.ts',
    find: 'if (name === ctx.tenantId || name === (await services.tenants.get(ctx)).slug) continue;',
    replace: 'if (name !== "" || name === ctx.tenantId || name === (await services.tenants.get(ctx)).slug) continue;',
    tests: ['server/src/http/access.test.ts'],
  },
  // The way out.
  {
    name: 'The name of a host is checked and not its addresses.',
    file: 'server/src/egress/connect.ts',
    find: "if (chosenBy === 'user') return ruleAgainst(address, networks);",
    replace: "if (chosenBy === 'user') return undefined;",
    tests: ['server/test/egress/ssrf.test.ts'],
  },
  {
    name: 'Only the first address of a name is checked.',
    file: 'server/src/egress/connect.ts',
    find: 'for (const address of addresses) {',
    replace: 'for (const address of addresses.slice(0, 1)) {',
    tests: ['server/test/egress/ssrf.test.ts'],
  },
  {
    name: 'An IPv6 address in a URL is not judged before anything is connected.',
    file: 'server/src/egress/policy.ts',
    find: 'if (isIP(address) !== 0) {',
    replace: 'if (isIP(address) === 1) {',
    tests: ['server/src/egress/policy.test.ts'],
  },
  {
    name: 'What a name resolves to is judged, and called all the same.',
    file: 'server/src/egress/connect.ts',
    find: 'if (rule !== undefined) throw new EgressRefusal(rule, `${host} is ${address}`);',
    replace: 'if (false && rule !== undefined) throw new EgressRefusal(rule, `${host} is ${address}`);',
    tests: ['server/src/egress/egress.test.ts'],
  },
  {
    name: 'Where an answer redirects to is not judged.',
    file: 'server/src/egress/egress.ts',
    find: 'hop = nextHop(hop, status, checkedUrl(location.href, policy));',
    replace: 'hop = nextHop(hop, status, location);',
    tests: ['server/src/egress/egress.test.ts'],
  },
  {
    name: 'An IPv4 address that stands in an IPv6 address is not looked for.',
    file: 'server/src/egress/addresses.ts',
    find: '  if (isWithin(address, embedding)) return [address, carried(12)];\n',
    replace: '',
    tests: ['server/src/egress/policy.test.ts'],
  },
  {
    name: 'IPv6 addresses that nobody has been given are called.',
    file: 'server/src/egress/addresses.ts',
    find: '(address instanceof ipaddr.IPv4 || address.match(globalUnicast))',
    replace: '(address instanceof ipaddr.IPv4 || true)',
    tests: ['server/src/egress/policy.test.ts'],
  },
  {
    name: 'It is enough that one of the addresses in an address may be called.',
    file: 'server/src/egress/addresses.ts',
    find: '.every(mayBeCalled)',
    replace: '.some(mayBeCalled)',
    tests: ['server/src/egress/policy.test.ts'],
  },
  {
    name: 'The client secret of a provider opens for another one.',
    file: 'server/src/identity/federation/stored-provider.ts',
    find: 'rowId: JSON.stringify([tenantId, issuer, clientId])',
    replace: 'rowId: JSON.stringify([tenantId, issuer && clientId && 0])',
    tests: ['server/test/identity-provider.test.ts'],
  },
  {
    name: 'The client secret of a provider is kept when its issuer changes.',
    file: 'server/src/identity/federation/provider-changes.ts',
    find: 'const isSameClient = before?.issuer === settings.issuer && before.clientId === settings.clientId;',
    replace: 'const isSameClient = before?.clientId === settings.clientId;',
    tests: ['server/test/identity-provider.test.ts'],
  },
];
