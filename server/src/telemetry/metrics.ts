/**
 * The metrics of a process, on a registry of its own so that two servers can live in one process.
 *
 * Every name begins with genai_ and every label has few values: unions of the type system, or texts of which only the
 * first hundred are kept apart. A tenant id is never a label; per-tenant figures come from the ledger.
 */

import {
  collectDefaultMetrics,
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from 'prom-client';
import type { TenantTier } from '../context.ts';

type Labels = Readonly<Record<string, string>>;

/** Something that only grows. */
export interface Counter<L extends Labels> {
  /** Adds an amount, 1 by default; never negative. */
  readonly add: (labels: L, amount?: number | bigint) => void;
}

/** How long something took. */
export interface Timing<L extends Labels> {
  readonly record: (labels: L, seconds: number) => void;
}

/** Something that goes up and down. */
export interface Gauge {
  readonly set: (value: number) => void;
}

/** Steps of a question or chat that are timed; the order is that of the flow. */
export type QueryStage =
  | 'reserve'
  | 'guard_input'
  | 'queue'
  | 'retrieve'
  | 'guard_context'
  | 'generate'
  | 'guard_output'
  | 'settle';

/** How a question or chat ended. */
export type QueryOutcome = 'succeeded' | 'degraded' | 'blocked' | 'failed' | 'cancelled';

/** Everything that is counted. */
export interface Metrics {
  readonly httpRequests: Counter<{ method: string; route: string; status: string }>;
  readonly httpRequestDuration: Timing<{ method: string; route: string }>;
  readonly questions: Counter<{ outcome: QueryOutcome; tier: TenantTier }>;
  readonly chats: Counter<{ outcome: QueryOutcome; tier: TenantTier }>;
  readonly queryStageDuration: Timing<{ stage: QueryStage }>;
  readonly tokens: Counter<{ kind: 'input' | 'output'; model: string }>;
  readonly costNanoDollars: Counter<{ tier: TenantTier }>;
  readonly upstreamAttempts: Counter<{ provider: string; outcome: 'success' | 'failed' | 'cancelled' }>;
  readonly egressCalls: Counter<{ outcome: 'answered' | 'refused' | 'failed'; rule: string }>;
  readonly limitOverruns: Counter<{ limit: string; mode: 'enforced' | 'shadow'; tier: TenantTier | 'anonymous' }>;
  readonly budgetCrossings: Counter<{ period: 'day' | 'month'; level: string }>;
  readonly rateLimited: Counter<{ tier: TenantTier | 'anonymous' }>;
  readonly securityEvents: Counter<{ kind: string }>;
  readonly systemTransactions: Counter<{ reason: string }>;
  readonly documentsIngested: Counter<{ outcome: 'indexed' | 'failed' }>;
  readonly ingestDuration: Timing<Record<never, string>>;
  readonly schedulerSlotsInUse: Gauge;
  readonly schedulerWaiting: Gauge;
  readonly schedulerServedCost: Counter<{ tier: TenantTier }>;
  readonly schedulerWait: Timing<{ tier: TenantTier }>;
  readonly settleQueueDepth: Gauge;
  readonly settleFailures: Counter<Record<never, string>>;
  /** All metrics in the text format of Prometheus. */
  readonly exposition: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Most values of a label whose values are texts; later ones are counted as `other`. */
const labelValuesMax = 100;

/** Requests: from the overhead of our own to the longest time-out. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const ingestBuckets = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Makes the metrics of a process, with those of Node.js itself. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'genai_' });
  const { counter, timing, gauge } = instrumentsOn(registry);
  return {
    httpRequests: counter('http_requests_total', 'HTTP requests answered.', ['method', 'route', 'status']),
    httpRequestDuration: timing(
      'http_request_duration_seconds',
      'Time from the first byte in to the last byte out.',
      ['method', 'route'],
      requestBuckets,
    ),
    questions: counter('questions_total', 'Questions by how they ended.', ['outcome', 'tier']),
    chats: counter('chats_total', 'Chat completions by how they ended.', ['outcome', 'tier']),
    queryStageDuration: timing(
      'query_stage_duration_seconds',
      'Time spent in each step of questions and chats.',
      ['stage'],
      requestBuckets,
    ),
    tokens: counter('tokens_total', 'Tokens sent to and received from models.', ['kind', 'model']),
    costNanoDollars: counter('cost_nano_dollars_total', 'Model cost charged, in billionths of a US dollar.', ['tier']),
    upstreamAttempts: counter('upstream_attempts_total', 'Calls to model endpoints, retries included.', [
      'provider',
      'outcome',
    ]),
    egressCalls: counter('egress_calls_total', 'Calls to addresses that users wrote, by the rule that refused them.', [
      'outcome',
      'rule',
    ]),
    limitOverruns: counter('limit_overruns_total', 'Requests that a limit refused, or would have in shadow mode.', [
      'limit',
      'mode',
      'tier',
    ]),
    budgetCrossings: counter('budget_crossings_total', 'Budgets of which a level (in per cent) was spent.', [
      'period',
      'level',
    ]),
    rateLimited: counter('rate_limited_total', 'Requests refused by a rate limit.', ['tier']),
    securityEvents: counter('security_events_total', 'Security events recorded.', ['kind']),
    systemTransactions: counter('system_transactions_total', 'Database transactions across tenants.', ['reason']),
    documentsIngested: counter('documents_ingested_total', 'Documents that reached a final state.', ['outcome']),
    ingestDuration: timing(
      'ingest_duration_seconds',
      'Time of one attempt at ingesting a document.',
      [],
      ingestBuckets,
    ),
    schedulerSlotsInUse: gauge('scheduler_slots_in_use', 'Model slots in use.'),
    schedulerWaiting: gauge('scheduler_waiting', 'Requests waiting for a model slot.'),
    schedulerServedCost: counter('scheduler_served_cost_total', 'Cost units that tiers were served.', ['tier']),
    schedulerWait: timing(
      'scheduler_wait_seconds',
      'Time that work waited for a model slot.',
      ['tier'],
      requestBuckets,
    ),
    settleQueueDepth: gauge('settle_queue_depth', 'Finished requests whose usage is not yet in the ledger.'),
    settleFailures: counter('settle_failures_total', 'Settlements that failed and were tried again or given up.', []),
    exposition: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function instrumentsOn(registry: Registry) {
  const optionsOf = (name: string, help: string) => ({ name: `genai_${name}`, help, registers: [registry] });
  return {
    counter<L extends Labels>(name: string, help: string, labelNames: (keyof L & string)[]): Counter<L> {
      const instrument = new PromCounter({ ...optionsOf(name, help), labelNames });
      const bounded = boundedLabels<L>();
      return { add: (labels, amount = 1) => instrument.inc(bounded(labels), Number(amount)) };
    },
    timing<L extends Labels>(
      name: string,
      help: string,
      labelNames: (keyof L & string)[],
      buckets: number[],
    ): Timing<L> {
      const instrument = new PromHistogram({ ...optionsOf(name, help), labelNames, buckets });
      const bounded = boundedLabels<L>();
      return { record: (labels, seconds) => instrument.observe(bounded(labels), seconds) };
    },
    gauge(name: string, help: string): Gauge {
      const instrument = new PromGauge(optionsOf(name, help));
      return { set: (value) => instrument.set(value) };
    },
  };
}

/** Replaces label values beyond the first hundred of each label by `other`, so that no client can make series at will. */
function boundedLabels<L extends Labels>(): (labels: L) => L {
  const known = new Map<string, Set<string>>();
  return (labels) => {
    const bounded = Object.entries(labels).map(([name, value]) => {
      const values = known.get(name) ?? new Set<string>();
      known.set(name, values);
      if (values.size < labelValuesMax) values.add(value);
      return [name, values.has(value) ? value : 'other'];
    });
    return Object.fromEntries(bounded) as L;
  };
}
