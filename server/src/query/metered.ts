/**
 * Runs a piece of model work between reservation and settlement.
 *
 * Tokens and money are reserved at the upper bound before the work begins; whatever happens then (answer, refusal,
 * failure, departure of the client), the request, its charge and its audit event are written once, and the reservation is
 * replaced by what was used.
 */

import { actorOf } from '../audit/index.ts';
import type { Classification, RequestContext } from '../context.ts';
import { errorFromAbort, isAppError } from '../errors.ts';
import { type Cost, costNanoOf, type Ledger, type Settlement, type Tokens } from '../ledger/index.ts';
import type { Limits, Reservation } from '../limits/index.ts';
import type { Metrics } from '../telemetry/index.ts';

/** What the meter needs. */
export interface MeterDeps {
  readonly limits: Limits;
  readonly ledger: Ledger;
  readonly metrics: Metrics;
  readonly now: () => number;
}

/** What is about to be done. */
export interface MeteredWork {
  readonly operation: 'query' | 'chat';
  readonly provider: string;
  readonly model: string;
  /** Upper bound of the tokens. */
  readonly bound: Tokens;
}

/** Tokens that were used, and who counted them. */
export interface MeteredUsage extends Tokens {
  readonly source: Settlement['usageSource'];
}

/** Takes notes while the work runs; the last note of a kind counts. */
export interface Meter {
  /** Resolves when it is on record that an upstream is about to be called. */
  readonly attempt: () => Promise<void>;
  readonly used: (usage: MeteredUsage) => void;
  /** Who answered, when it was not who was asked. */
  readonly answeredBy: (answerer: { readonly provider: string; readonly model: string }) => void;
  /** The highest classification of what went into the answer. */
  readonly classified: (classification: Classification) => void;
  /** The answer is less than was asked for. */
  readonly degraded: () => void;
}

/** The work's result and what it cost. */
export interface Metered<T> {
  readonly result: T;
  readonly usage: Tokens;
  readonly costNano: bigint;
}

/** How long after its deadline work that nobody settled may still be settled before its reservation is given back. */
const settleGraceMs = 60_000;

/** Runs `work`; resolves once its result may be told, rejects with what it rejects with. */
export async function metered<T>(
  deps: MeterDeps,
  ctx: RequestContext,
  work: MeteredWork,
  run: (meter: Meter) => Promise<T>,
): Promise<Metered<T>> {
  const startedMs = deps.now();
  const estimate = costOf(work.model, work.bound);
  let { provider, model } = work;
  let usage: MeteredUsage = { inputTokens: 0, outputTokens: 0, source: 'counted' };
  let classification: Classification | undefined;
  let outcome: Settlement['outcome'] = 'succeeded';
  let errorCode: string | undefined;
  let attempts = 0;
  let reservation: Reservation | undefined;

  const meter: Meter = {
    attempt() {
      attempts += 1;
      const { requestId, tenantId, principal } = ctx;
      const { userId, credential } = principal;
      return deps.ledger.recordAttempt({
        tenantId,
        requestId,
        number: attempts,
        userId,
        credentialId: credential.id,
        operation: work.operation,
        provider: work.provider,
        model: work.model,
        estimate,
      });
    },
    used: (noted) => {
      usage = noted;
    },
    answeredBy: (answerer) => {
      ({ provider, model } = answerer);
    },
    classified: (noted) => {
      classification = noted;
    },
    degraded: () => {
      outcome = 'degraded';
    },
  };

  async function settle(): Promise<void> {
    const actual = costOf(model, usage);
    reservation?.settle({ tokens: usage.inputTokens + usage.outputTokens, costNano: actual.costNano });
    const durationMs = Math.round(deps.now() - startedMs);
    count(deps.metrics, ctx, work, { outcome, model, actual, attempts });
    const settled = deps.ledger.settle(
      settlementOf(ctx, work, {
        provider,
        model,
        usage,
        classification,
        outcome,
        errorCode,
        startedMs,
        durationMs,
        estimate,
        actual,
        attempts,
      }),
    );
    settled.catch((error: unknown) => {
      deps.metrics.settleFailures.add({});
      ctx.log.error({ err: error }, 'settlement failed');
    });
    // An attempt row already vouches for the request; without one, the settlement is the only record and is waited for.
    if (attempts === 0) await settled;
  }

  let result: T;
  try {
    const reserved = {
      id: ctx.requestId,
      model: work.model,
      tokens: estimate.inputTokens + estimate.outputTokens,
      costNano: estimate.costNano,
      expiresMs: ctx.deadlineMs + settleGraceMs,
    };
    reservation = await deps.limits.reserve(ctx, reserved, ctx.signal);
    result = await run(meter);
  } catch (error) {
    const failure = ctx.signal.aborted ? errorFromAbort(ctx.signal) : error;
    outcome = outcomeOf(failure);
    errorCode = isAppError(failure) ? failure.code : 'internal_error';
    await settle().catch(() => {});
    throw failure;
  }
  await settle();
  return { result, usage, costNano: costOf(model, usage).costNano };
}

function costOf(model: string, tokens: Tokens): Cost {
  return { inputTokens: tokens.inputTokens, outputTokens: tokens.outputTokens, costNano: costNanoOf(model, tokens) };
}

/** What became of the last call of an upstream. */
const outcomeOfLastAttempt = {
  succeeded: 'success',
  degraded: 'failed',
  blocked: 'failed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<Settlement['outcome'], string>;

/** How the audit log names an outcome. */
const auditOutcome = {
  succeeded: 'success',
  degraded: 'success',
  blocked: 'denied',
  failed: 'failure',
  cancelled: 'failure',
} as const satisfies Record<Settlement['outcome'], string>;

interface Done {
  readonly outcome: Settlement['outcome'];
  readonly model: string;
  readonly actual: Cost;
  readonly attempts: number;
}

function count(
  metrics: Metrics,
  { tier }: RequestContext,
  work: MeteredWork,
  { outcome, model, actual, attempts }: Done,
): void {
  (work.operation === 'query' ? metrics.questions : metrics.chats).add({ outcome, tier });
  metrics.tokens.add({ kind: 'input', model }, actual.inputTokens);
  metrics.tokens.add({ kind: 'output', model }, actual.outputTokens);
  metrics.costNanoDollars.add({ tier }, actual.costNano);
  if (attempts === 0) return;
  const { provider } = work;
  // Whoever tries again has failed before; only the last attempt can have gone otherwise.
  metrics.upstreamAttempts.add({ provider, outcome: 'failed' }, attempts - 1);
  metrics.upstreamAttempts.add({ provider, outcome: outcomeOfLastAttempt[outcome] });
}

function outcomeOf(error: unknown): Settlement['outcome'] {
  if (isAppError(error, 'input_blocked')) return 'blocked';
  return isAppError(error, 'request_cancelled') ? 'cancelled' : 'failed';
}

interface Notes {
  readonly provider: string;
  readonly model: string;
  readonly usage: MeteredUsage;
  readonly classification: Classification | undefined;
  readonly outcome: Settlement['outcome'];
  readonly errorCode: string | undefined;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly estimate: Cost;
  readonly actual: Cost;
  readonly attempts: number;
}

function settlementOf(ctx: RequestContext, work: MeteredWork, notes: Notes): Settlement {
  const { attempts, startedMs, usage, ...rest } = notes;
  return {
    ...rest,
    tenantId: ctx.tenantId,
    requestId: ctx.requestId,
    userId: ctx.principal.userId,
    credentialId: ctx.principal.credential.id,
    method: 'POST',
    operation: work.operation,
    startedAt: new Date(startedMs),
    usageSource: usage.source,
    audit: {
      action: `${work.operation}.${notes.errorCode === undefined ? 'answered' : 'refused'}`,
      outcome: auditOutcome[notes.outcome],
      actor: actorOf(ctx),
      resource: { kind: 'request', id: ctx.requestId },
      requestId: ctx.requestId,
      details: {
        outcome: notes.outcome,
        model: notes.model,
        provider: notes.provider,
        input_tokens: notes.actual.inputTokens,
        output_tokens: notes.actual.outputTokens,
        cost_nano_usd: notes.actual.costNano.toString(),
        attempts,
        ...(notes.classification === undefined ? {} : { classification: notes.classification }),
        ...(notes.errorCode === undefined ? {} : { error_code: notes.errorCode }),
      },
    },
  };
}
