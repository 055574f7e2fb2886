/**
 * Turns a stored document into searchable passages, however often that takes.
 *
 * Whatever happens (a crash, a deletion, a new label, a second worker on the same document), the document ends indexed
 * under the labels it then has, or failed with a reason that its owner can act on.
 */

import type { Logger } from '../context.ts';
import { beginAttempt, endAttempt, giveAttemptBack } from '../documents/index.ts';
import { AppError, isAppError } from '../errors.ts';
import { embeddingDimensions } from '../search/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import { type AttemptDeps, attempt } from './attempt.ts';

/** A document to ingest. */
export interface IngestRequest {
  readonly tenantId: string;
  readonly documentId: string;
}

/** `done` when the document is in a final state or gone; `again` when another attempt has to follow. */
export type IngestOutcome = 'done' | 'again';

/** Ingests one document. Rejects only when the outcome could not be written down, so that nothing is settled. */
export type Ingest = (request: IngestRequest, signal: AbortSignal) => Promise<IngestOutcome>;

/** What ingestion needs. */
export interface IngestOptions extends Omit<AttemptDeps, 'now'> {
  readonly metrics: Pick<Metrics, 'documentsIngested' | 'ingestDuration'>;
  readonly log: Logger;
  readonly settings: AttemptDeps['settings'] & {
    /** Attempts before a document fails for a reason that might have passed. */
    readonly ingestAttemptsMax: number;
    /** How long one attempt may take. */
    readonly ingestTimeoutMs: number;
  };
  readonly now?: () => number;
}

/** Makes the flow. */
export function createIngest(options: IngestOptions): Ingest {
  const { database, embedder, metrics, log, settings, now = Date.now } = options;
  const deps = { ...options, now };
  if (embedder.profile.dimensions !== embeddingDimensions) {
    const { id, dimensions } = embedder.profile;
    throw new Error(`${id} makes vectors of ${dimensions} numbers; the index holds ${embeddingDimensions}.`);
  }

  return async function ingest({ tenantId, documentId }, signal) {
    const scope = { tenantId };
    const startedMs = now();
    const task = await database.withTenant(scope, (tx) => beginAttempt(tx, documentId));
    if (task === undefined) return 'done';

    const timeout = AbortSignal.timeout(settings.ingestTimeoutMs);
    try {
      const outcome = await attempt(deps, scope, task, AbortSignal.any([signal, timeout]));
      if (outcome === 'stale') return await giveBack();
      if (outcome === 'indexed') metrics.documentsIngested.add({ outcome });
      return 'done';
    } catch (error) {
      // A stop of the server is nobody's fault.
      if (signal.aborted) return await giveBack();
      const failure = timeout.aborted ? tookTooLong(settings.ingestTimeoutMs) : failureFrom(error);
      const isFinal = !mayPass(failure) || task.attempt >= settings.ingestAttemptsMax;
      const level = failure.code === 'internal_error' ? 'error' : 'info';
      log[level]({ err: error, tenantId, documentId, code: failure.code, isFinal }, 'ingestion failed');
      await database.withTenant(scope, (tx) => endAttempt(tx, documentId, failure, isFinal ? 'final' : 'passing'));
      if (!isFinal) return 'again';
      metrics.documentsIngested.add({ outcome: 'failed' });
      return 'done';
    } finally {
      metrics.ingestDuration.record({}, (now() - startedMs) / 1000);
    }

    async function giveBack(): Promise<'again'> {
      await database.withTenant(scope, (tx) => giveAttemptBack(tx, documentId));
      return 'again';
    }
  };
}

/** What the owner of a document is told; causes inside the server stay in the log. */
function failureFrom(error: unknown): AppError {
  if (isAppError(error)) return error;
  return new AppError('internal_error', { detail: 'Something went wrong on our side. Report the id of the document.' });
}

/** Whether another attempt could end differently: a defect of ours may be one of the moment, a document does not change. */
function mayPass({ code, definition }: AppError): boolean {
  return definition.retryable || code === 'internal_error';
}

function tookTooLong(timeoutMs: number): AppError {
  const detail = `Ingesting the document takes longer than INGEST_TIMEOUT_MS (${timeoutMs}).`;
  return new AppError('document_too_complex', { detail });
}
