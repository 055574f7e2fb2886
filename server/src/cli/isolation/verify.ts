/**
 * The verification of isolation of a running server, as its client.
 *
 * It makes two tenants, lets both do everything that the server describes, then lets one try to reach what the other has:
 * in every place that names something, as everybody who can ask. It removes what it made, whatever happens.
 */

import { CommandError } from '../failures.ts';
import { type Description, type Operation, readDescription } from './api/description.ts';
import { createWire, type Wire } from './api/exchange.ts';
import { cleanUp } from './cleanup.ts';
import type { Finding } from './run.ts';
import { createStages } from './stages.ts';
import { knownSchemes } from './tenants/credentials.ts';
import { bearer, createCall } from './tenants/sides.ts';

/** What a verification takes. */
export interface VerifyOptions {
  readonly url: string;
  readonly operatorKey: string;
  readonly metricsToken?: string;
  /** For one answer. */
  readonly timeoutMs: number;
  /** For all, the removal of what was made excepted. */
  readonly totalMs: number;
  /** Leaves what was made. */
  readonly keep: boolean;
  /** Names of the only operations to try; all when there are none. */
  readonly only: readonly string[];
  /** Log files of the server, searched in the end. */
  readonly logs: readonly string[];
  /** Ends it early; what was made is removed nevertheless. */
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

/** What came out. */
export interface Result {
  readonly operations: number;
  /** The only operations that were tried, where not all were. */
  readonly only: readonly string[];
  /** Operations brought to success, or to the refusal that they declare, and probed in every place. */
  readonly covered: number;
  readonly checks: number;
  /** Findings that are more than a lack of coverage. */
  readonly leaks: number;
  readonly findings: readonly Finding[];
  /** Operations that answered with the refusal that they declare for servers that lack what they need. */
  readonly covered_by_refusal: readonly {
    readonly operation: string;
    readonly needs: string;
    readonly refusal: string;
  }[];
  readonly credentials: readonly string[];
  readonly canaries: number;
  readonly requests: number;
  readonly seconds: number;
  readonly waited_seconds: number;
  readonly server: { readonly url: string; readonly version: string };
  readonly started_at: string;
  readonly remains: readonly string[];
}

/** How long the removal of what was made may take. */
const cleanupMsMax = 60_000;

/** Verifies. @throws {CommandError} when it could not be begun or was ended. */
export async function verifyIsolation(options: VerifyOptions): Promise<Result> {
  const { url, operatorKey, metricsToken, timeoutMs, totalMs, only, logs, note, keep } = options;
  const startedMs = Date.now();
  const deadline = AbortSignal.timeout(totalMs);
  const wireWith = (signal: AbortSignal) => createWire({ url, timeoutMs, signal });
  const wire = wireWith(AbortSignal.any([options.signal, deadline]));
  const description = await describedBy(wire, url);
  const chosen = chosenFrom(description, only);
  const operatorHeaders = bearer(operatorKey);
  const tenantIds = new Set<string>();
  const onTenant = (id: string) => void tenantIds.add(id);
  const call = createCall(description, wire);
  const stages = createStages({
    ...{ description, wire, call, operatorHeaders, metricsToken },
    logs,
    chosen,
    onTenant,
    note,
  });
  try {
    const outcome = await stages.perform();
    const remains = keep ? ['Everything was kept, as asked.'] : await clean();
    return {
      ...outcome,
      ...{
        only,
        requests: wire.sent(),
        seconds: (Date.now() - startedMs) / 1000,
        waited_seconds: wire.waitedMs() / 1000,
      },
      ...{ server: { url, version: description.version }, started_at: new Date(startedMs).toISOString(), remains },
    };
  } catch (error) {
    if (!keep) for (const sentence of await clean()) note(sentence);
    if (options.signal.aborted) throw new CommandError('interrupted', 'The verification was ended before it was done.');
    if (deadline.aborted)
      throw new CommandError('timeout', `The verification took more than ${totalMs / 1000} seconds.`);
    throw error;
  }

  function clean(): Promise<readonly string[]> {
    note('removing what was made');
    const cleaning = wireWith(AbortSignal.timeout(cleanupMsMax));
    const parties = stages.parties();
    const callNow = createCall(description, cleaning);
    return cleanUp({ description, wire: cleaning, call: callNow, operatorHeaders, parties, tenantIds });
  }
}

/** The operations of those names. @throws {CommandError} when the server has one of them not. */
function chosenFrom({ operations }: Description, only: readonly string[]): readonly Operation[] {
  const unknown = only.filter((name) => operations.every(({ id }) => id !== name));
  if (unknown.length > 0)
    throw new CommandError('usage', `The server has no operation ${unknown.join(', ')}.`, {
      fix: 'Name it as the `operationId` of /openapi.json does.',
    });
  return only.length === 0 ? operations : operations.filter(({ id }) => only.includes(id));
}

async function describedBy(wire: Wire, url: string): Promise<Description> {
  const answer = await wire.send({ method: 'GET', path: '/openapi.json', headers: {}, body: undefined, told: '' });
  const description = readDescription(answer.text, url);
  const unknown = description.schemes.filter((scheme) => !knownSchemes.includes(scheme));
  if (unknown.length === 0) return description;
  throw new CommandError('server', `The server takes credentials that are not tried here: ${unknown.join(', ')}.`, {
    fix: 'Use the command of the same version as the server; a new kind of credential belongs into its table.',
  });
}
