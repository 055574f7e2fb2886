/** How long a decision of access/ takes: the first of a request, which makes the rules, and each one after it. */

import { can, type Permission, permissionNames, type Resource, requirementsFor } from '../src/access/index.ts';
import type { Principal } from '../src/context.ts';
import type { Benchmark } from './benchmark.ts';

const rounds = 7;

/** Somebody who holds every permission, in ten teams, by a key with scopes: the most rules that there are. */
function newPrincipal(): Principal {
  return {
    tenantId: 'ten_1',
    userId: 'usr_1',
    role: 'auditor',
    permissions: new Set<Permission>(permissionNames.filter((name) => name !== 'collections:read_all')),
    teamIds: Array.from({ length: 10 }, (_, number) => `tem_${number}`),
    clearance: 'confidential',
    credential: { kind: 'api_key', id: 'key_1' },
    scopes: ['documents:read', 'query:ask'],
  };
}

/** A document whose collection has a hundred grants, of which the last is that of a team of theirs. */
const document: Resource = {
  kind: 'document',
  tenantId: 'ten_1',
  classification: 'internal',
  readers: [...Array.from({ length: 99 }, (_, number) => `user:other_${number}` as const), 'team:tem_9'],
};

/** Median and 99th percentile of single calls in microseconds, of the round with the lowest median. */
function timed(prepare: () => () => unknown, calls: number): { p50: number; p99: number } {
  const results = Array.from({ length: rounds }, () => {
    const times = Float64Array.from({ length: calls }, () => {
      const call = prepare();
      const startedNs = process.hrtime.bigint();
      call();
      return Number(process.hrtime.bigint() - startedNs) / 1000;
    }).sort();
    return { p50: times[Math.floor(calls / 2)] ?? Number.NaN, p99: times[Math.floor(calls * 0.99)] ?? Number.NaN };
  });
  return results.reduce((best, one) => (one.p50 < best.p50 ? one : best));
}

const rounded = (microseconds: number) => Math.round(microseconds * 100) / 100;

export const benchmark: Benchmark = {
  name: 'policy',
  title: 'Microseconds of one decision over a document',
  goals: [
    { id: 'first-decision', figure: 'first_decision_p50_us', reach: { atMost: 50 } },
    { id: 'decision', figure: 'decision_p50_us', reach: { atMost: 50 } },
  ],
  async run({ quick }) {
    const calls = quick ? 2000 : 20_000;
    const known = newPrincipal();
    const decide = (principal: Principal) => () => can(principal, 'documents:read', document);
    if (!decide(known)().allowed) throw new Error('What is measured must be the decision that looks at every rule.');
    const first = timed(() => decide(newPrincipal()), calls);
    const later = timed(() => decide(known), calls);
    const route = timed(() => () => can(known, 'documents:read'), calls);
    const conditions = timed(() => () => requirementsFor(known, 'documents:read', 'document'), calls);
    return {
      first_decision_p50_us: rounded(first.p50),
      first_decision_p99_us: rounded(first.p99),
      decision_p50_us: rounded(later.p50),
      decision_p99_us: rounded(later.p99),
      permission_p50_us: rounded(route.p50),
      conditions_p50_us: rounded(conditions.p50),
    };
  },
};
