/**
 * The only way out to a URL that a user can influence.
 *
 * Promises: every host is resolved once and every address checked before a connection goes to it; every redirect is a
 * new request under the same rules; a call ends within its time, its answer within its size; what identifies us to one
 * origin is not sent to another; proxies of the environment, cookies and alternative services are ignored. Each request
 * has a connection of its own, so that nothing of one tenant's call is left for the next.
 */

import { Client, type Dispatcher, Pool } from 'undici';
import type { Config } from '../config/index.ts';
import { AppError, errorFromAbort } from '../errors.ts';
import { answerFrom, type EgressAnswer, encodingsAccepted } from './answer.ts';
import { createConnector } from './connect.ts';
import { createFetch } from './fetch.ts';
import { checkedUrl, policyFrom } from './policy.ts';
import { EgressRefusal, type EgressRule, errorFromCall } from './refusals.ts';
import { type EgressRequest, firstHop, type Hop, nextHop, redirectFrom } from './request.ts';
import type { Resolve } from './resolve.ts';

/** What the client is made of. */
export interface EgressOptions {
  readonly settings: Config['egress'];
  /** Told how each call ended; `rule` is `none` unless one refused it. */
  readonly onOutcome?: (outcome: { readonly outcome: EgressOutcome; readonly rule: EgressRule | 'none' }) => void;
  /** How names are resolved; by default the name servers of this machine are asked. */
  readonly resolve?: Resolve;
}

/** How a call ended, seen from its first answer. */
export type EgressOutcome = 'answered' | 'refused' | 'failed';

/** A pool of connections to one origin. */
export interface EgressPoolOptions extends Omit<Pool.Options, 'connect' | 'connectTimeout' | 'factory' | 'allowH2'> {
  /**
   * `user`: the policy applies. `operator`: the address stands in the settings of this server and may be private; it is
   * resolved as the machine resolves names, and only metadata services stay closed.
   */
  readonly chosenBy: 'user' | 'operator';
  readonly connectTimeoutMs: number;
}

/** The client. */
export interface Egress {
  /**
   * Calls a URL; resolves with the head of the answer, whatever its status.
   * @throws {AppError} `egress_denied` where the policy refuses the address, `egress_rejected` where it refuses the
   * answer, `egress_unavailable` when there is none; what the signal stands for when it ends the call.
   */
  request(url: string, request: EgressRequest): Promise<EgressAnswer>;
  /** The same for libraries that want a `fetch` of the Fetch standard. Rejects with what `request` throws. */
  readonly fetch: typeof fetch;
  /** Connections that are kept, to one origin. @throws {EgressRefusal} when a user's origin breaks a rule. */
  pool(origin: string, options: EgressPoolOptions): Pool;
}

/** Most redirects of a call. */
const redirectsMax = 5;
/** Longest head of an answer, in bytes: what Node takes by default. */
const headerBytesMax = 16_384;

/** Makes the client; nothing is opened yet, and nothing has to be closed. */
export function createEgress({ settings, onOutcome = () => {}, resolve }: EgressOptions): Egress {
  const policy = policyFrom(settings);
  const { networks } = policy;
  const connect = createConnector({ chosenBy: 'user', networks, resolve, connectTimeoutMs: settings.connectTimeoutMs });
  let running = 0;

  async function request(url: string, options: EgressRequest): Promise<EgressAnswer> {
    try {
      const answer = await call(url, options);
      onOutcome({ outcome: 'answered', rule: 'none' });
      return answer;
    } catch (error) {
      if (error instanceof EgressRefusal) onOutcome({ outcome: 'refused', rule: error.rule });
      else onOutcome({ outcome: 'failed', rule: 'none' });
      throw error;
    }
  }

  async function call(url: string, options: EgressRequest): Promise<EgressAnswer> {
    let hop = firstHop(checkedUrl(url, policy), options);
    if (options.signal.aborted) throw errorFromAbort(options.signal);
    if (running >= settings.connectionsMax) {
      throw new AppError('egress_unavailable', { detail: 'Too many calls to other servers are under way.' });
    }
    running += 1;
    const time = timeOf(options, settings.timeoutMs);
    let close = () => {};
    const end = once(() => {
      running -= 1;
      time.end();
      close();
    });
    time.signal.addEventListener('abort', end, { once: true });
    try {
      for (let redirects = 0; ; redirects += 1) {
        const client = clientOf(hop.url);
        close = () => void client.destroy();
        const { statusCode: status, headers, body } = await send(client, hop, time.signal);
        const location = options.redirect === 'manual' ? undefined : redirectFrom(hop, status, headers.location);
        if (location === undefined) {
          const bytesMax = Math.min(options.bytesMax ?? Infinity, settings.responseBytesMax);
          return answerFrom({ status, headers, url: hop.url.href, body, bytesMax, translate: time.translate, end });
        }
        close();
        if (options.redirect === 'error') throw new EgressRefusal('redirect');
        if (redirects === redirectsMax) throw new EgressRefusal('redirect_count');
        hop = nextHop(hop, status, checkedUrl(location.href, policy));
      }
    } catch (error) {
      end();
      throw errorFromCall(time.translate(error));
    }
  }

  const clientOf = ({ origin }: URL) =>
    new Client(origin, {
      connect,
      maxHeaderSize: headerBytesMax,
      maxResponseSize: settings.responseBytesMax,
      bodyTimeout: settings.idleTimeoutMs,
      headersTimeout: 0,
    });

  return {
    request,
    fetch: createFetch(request),
    pool(origin, { chosenBy, connectTimeoutMs, ...options }) {
      if (chosenBy === 'user') checkedUrl(origin, policy);
      return new Pool(origin, {
        ...options,
        allowH2: false,
        connect: createConnector({ chosenBy, networks, resolve, connectTimeoutMs }),
      });
    },
  };
}

async function send(client: Client, { url, method, headers, body }: Hop, signal: AbortSignal) {
  const response = await client.request({
    path: url.pathname + url.search,
    method: method as Dispatcher.HttpMethod,
    headers: { ...headers, 'accept-encoding': encodingsAccepted },
    body: body ?? null,
    signal,
  });
  // A body that nobody reads may still break; whoever reads it hears of it through the iterator.
  response.body.on('error', () => undefined);
  return response;
}

/** The time that a call has, and what it means when it is over. */
function timeOf({ signal: caller, timeoutMs = Infinity }: EgressRequest, timeoutMsMax: number) {
  const withinMs = Math.min(timeoutMs, timeoutMsMax);
  const controller = new AbortController();
  const follow = () => controller.abort(errorFromAbort(caller));
  const detail = `It did not finish its answer within ${withinMs} ms.`;
  const timer = setTimeout(() => controller.abort(new AppError('egress_unavailable', { detail })), withinMs);
  caller.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    translate: (error: unknown) => (controller.signal.aborted ? controller.signal.reason : error),
    end() {
      clearTimeout(timer);
      caller.removeEventListener('abort', follow);
    },
  };
}

function once(fn: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    fn();
  };
}
