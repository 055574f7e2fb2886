/** What one verification works with, and the record that it keeps. */

import type { Description, Operation } from './api/description.ts';
import { type Answer, headerOf, type Request, type Wire } from './api/exchange.ts';
import type { Place } from './api/places.ts';
import type { Canaries, CanaryKind } from './evidence/canaries.ts';
import { expectedOfProber, withoutEvents } from './evidence/expected.ts';
import type { Credential } from './tenants/credentials.ts';
import type { Call, Headers } from './tenants/sides.ts';

/** Something that is not as it must be. */
export interface Finding {
  /**
   * How it was noticed: `difference` from what nobody has, `wrong_answer` to what is not one's own, a `canary` seen by
   * others, a `side_effect` seen by its owner. `not_covered` is no leak: the verification could not do its work.
   */
  readonly kind: 'difference' | 'wrong_answer' | 'canary' | 'side_effect' | 'server_error' | 'not_covered';
  readonly operation: string;
  /** Where the other tenant's value stood. */
  readonly place?: string;
  readonly credential?: string;
  readonly message: string;
}

/** The record of a verification. */
export interface Record {
  readonly finding: (finding: Finding) => void;
  readonly check: (count?: number) => void;
  readonly findings: () => readonly Finding[];
  readonly checks: () => number;
}

/** One verification. */
export interface Run {
  readonly description: Description;
  readonly places: ReadonlyMap<Operation, readonly Place[]>;
  readonly wire: Wire;
  /** What was planted in the tenant of the owner. */
  readonly canaries: Canaries;
  readonly record: Record;
  readonly call: Call;
  /** Told of every tenant that is made. */
  readonly onTenant: (id: string) => void;
  /** Whether somebody is still who these headers say. */
  readonly isAlive: (headers: Headers) => Promise<boolean>;
  readonly note: (text: string) => void;
}

/** Findings of one kind about one place that are told one by one; more of them add nothing. */
const alikeMax = 3;

/** Makes an empty record. */
export function createRecord(): Record {
  const findings: Finding[] = [];
  let checks = 0;
  return {
    finding(finding) {
      const { kind, operation, place } = finding;
      const alike = findings.filter(
        (one) => one.kind === kind && one.operation === operation && one.place === place,
      ).length;
      if (alike < alikeMax) findings.push(finding);
    },
    check(count = 1) {
      checks += count;
    },
    findings: () => findings,
    checks: () => checks,
  };
}

/** As whom a credential looks at answers. */
export function onlookerOf({ scheme }: Pick<Credential, 'scheme'>): Onlooker {
  if (scheme === 'operatorKey') return 'operator';
  return scheme === 'metricsToken' ? 'monitoring' : 'anyone';
}

/** Who looks at an answer, as far as it decides what they may see of another tenant. */
export type Onlooker = 'anyone' | 'operator' | 'monitoring';

const hiddenFrom: Readonly<{ [K in Onlooker]: readonly CanaryKind[] }> = {
  anyone: ['content', 'secret', 'id', 'tenant'],
  // Operators administer tenants by name and id, and are told whose things somebody tried to reach.
  operator: ['content', 'secret'],
  monitoring: ['content', 'secret', 'tenant'],
};

/** Looks for what the owner planted in an answer that somebody else got. */
export function sweep(
  { canaries, record }: Pick<Run, 'canaries' | 'record'>,
  answer: Answer,
  asked: {
    readonly operation: string;
    readonly credential: string;
    readonly request: Request;
    readonly place?: string;
  },
  onlooker: Onlooker,
): void {
  const { operation, credential, request, place } = asked;
  record.check();
  const textWith = (body: string) =>
    `${answer.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}\n${body}`;
  const found = canaries.foundIn(textWith(answer.text), hiddenFrom[onlooker], request.told + request.path);
  const kept = found.length === 0 ? '' : textWith(withoutEvents(answer, expectedOfProber)).toLowerCase();
  for (const { what } of found.filter(({ kind, text }) => kind !== 'id' || kept.includes(text))) {
    const id = headerOf(answer, 'x-request-id') ?? 'none';
    const message = `The answer (${answer.status}, request ${id}) holds ${what} of the other tenant.`;
    record.finding({ kind: 'canary', operation, credential, ...(place === undefined ? {} : { place }), message });
  }
}
