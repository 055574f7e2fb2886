/**
 * Which file may import which. This is the one place that says so; docs/architecture.md explains why.
 *
 * Imports point down the tiers, a module is entered through its index.ts, and a vendor's library is used only behind the
 * module that wraps it.
 */

/** The modules of server/src, lowest tier first. A module imports its own tier and the ones below. */
const tiers = {
  foundation: ['errors', 'context', 'config', 'telemetry'],
  infrastructure: [
    'db',
    'redis',
    'blobs',
    'vault',
    'egress',
    'cache',
    'audit',
    'access',
    'limits',
    'scheduler',
    'search',
    'llm',
  ],
  capability: ['tenants', 'identity', 'documents', 'guard', 'ledger', 'registry', 'evals', 'threats', 'webhooks'],
  flow: ['query', 'ingest', 'reconcile', 'rollout'],
  edge: ['http', 'worker', 'cli', 'mcp'],
  root: ['app', 'health', 'settings', 'main'],
};

/** Libraries, and parts of Node.js, that only these modules may import. Tests may import any. */
const walls = [
  { name: 'postgres', packages: ['pg', '@electric-sql/[^/]+'], modules: ['db'] },
  { name: 'redis', packages: ['ioredis'], modules: ['redis'] },
  { name: 'http', packages: ['fastify', 'fastify-type-provider-zod', '@fastify/[^/]+'], modules: ['http'] },
  { name: 'command-line', packages: ['commander', 'cli-progress', 'modern-tar'], modules: ['cli'] },
  { name: 'job-queue', packages: ['pg-boss'], modules: ['worker', 'db'] },
  { name: 'http-client', packages: ['undici'], modules: ['search', 'egress'] },
  {
    name: 'model',
    packages: ['@energetic-ai/[^/]+', '@tensorflow/[^/]+', 'gpt-tokenizer'],
    modules: ['llm'],
  },
  { name: 'credential', packages: ['jose', 'openid-client', '@node-rs/argon2'], modules: ['identity'] },
  {
    name: 'document-format',
    packages: ['unpdf', 'linkedom', '@mozilla/readability', 'mdast-util-from-markdown'],
    modules: ['documents'],
  },
  { name: 'telemetry', packages: ['prom-client', '@opentelemetry/[^/]+'], modules: ['telemetry'] },
  {
    name: 'cryptography',
    builtin: 'crypto',
    modules: [
      ...['vault', 'identity', 'audit', 'config', 'db', 'redis', 'documents', 'blobs', 'cache', 'query', 'http', 'cli'],
    ],
  },
  { name: 'child-process', builtin: 'child_process', modules: ['documents', 'cli'] },
  { name: 'log', packages: ['pino'], modules: ['telemetry', 'context'] },
];

const test = String.raw`\.(test|conformance)\.ts$`;
const anyOf = (names) => `(?:${names.join('|')})`;
const modules = (names) => String.raw`^server/src/${anyOf(names)}(?:/|\.ts$)`;
const packages = (names) => `(?:^|/)node_modules/${anyOf(names)}/`;

const tierNames = Object.keys(tiers);

/** One rule per tier: what stands above it is out of reach. The command line composes the program, as `main.ts` does. */
const tierRules = tierNames.slice(0, -1).map((tier, index) => {
  const above = tierNames.slice(index + 1).flatMap((name) => tiers[name]);
  return {
    name: `${tier}-imports-down-only`,
    comment: 'Imports point down the tiers. What is needed from above arrives as an argument.',
    severity: 'error',
    from: { path: modules(tiers[tier]), pathNot: [test, ...(tier === 'edge' ? ['^server/src/cli/'] : [])] },
    to: { path: modules(above) },
  };
});

const wallRules = walls.map((wall) => ({
  name: `${wall.name}-wall`,
  comment: `Only ${wall.modules.join(', ')} may use this library. Ask there for what you need.`,
  severity: 'error',
  from: { path: '^server/src/', pathNot: [modules(wall.modules), test] },
  to: { path: wall.builtin ? `^${wall.builtin}$` : packages(wall.packages) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...tierRules,
    {
      name: 'every-module-has-a-tier',
      comment: 'A new folder of server/src needs its place in the table above.',
      severity: 'error',
      from: {},
      to: { path: '^server/src/', pathNot: modules(Object.values(tiers).flat()) },
    },
    {
      name: 'capabilities-stay-apart',
      comment: 'Only flows combine capabilities. What one needs from another arrives as an argument.',
      severity: 'error',
      from: { path: `^server/src/(${tiers.capability.join('|')})/`, pathNot: test },
      to: { path: modules(tiers.capability), pathNot: '^server/src/$1/' },
    },
    {
      name: 'enter-by-the-index',
      comment: "Another module's files are its own business: import its index.ts.",
      severity: 'error',
      from: { path: '^server/src/([^/]+)/' },
      to: { path: '^server/src/[^/]+/', pathNot: ['^server/src/$1/', '^server/src/[^/]+/index[.]ts$'] },
    },
    {
      name: 'root-enters-by-the-index',
      comment: "Another module's files are its own business: import its index.ts.",
      severity: 'error',
      from: { path: '^server/src/[^/]+[.]ts$' },
      to: { path: '^server/src/[^/]+/', pathNot: '^server/src/[^/]+/index[.]ts$' },
    },
    ...wallRules,
    {
      name: 'product-without-tests',
      comment:
        'The product must run without its tests and without development packages; `genai dev` is for developers.',
      severity: 'error',
      from: { path: '^(server/src|bin)/', pathNot: [test, '^server/src/cli/commands/dev[.]ts$'] },
      to: { path: ['^server/(test|bench|sim)/', test, '^scripts/'] },
    },
    {
      name: 'product-without-development-packages',
      comment: 'What the product imports stands under "dependencies" of its package.json.',
      severity: 'error',
      from: { path: '^(server/src|bin)/', pathNot: test },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'imports-exist', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    // dependency-cruiser reads TypeScript with the compiler's old API, which TypeScript 7 no longer has, or with swc.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
