/** One request to the TEST upstream and its answer: pacing, faults on the wire, and errors in the OpenAI shape. */

import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Behaviour } from './behaviour.ts';

/** What the handlers need of one request. */
export interface Exchange {
  readonly response: ServerResponse;
  /** Aborts when the client closes the connection before the answer is complete. */
  readonly signal: AbortSignal;
  /** The bearer credential; only ever echoed in the body of an error 401. */
  readonly credential: string | undefined;
  /** Counts tokens as served the moment they are produced. */
  readonly serve: (tokens: { readonly input?: number; readonly output?: number }) => void;
}

/** Waits; rejects as soon as the client has gone. */
export async function pause(exchange: Exchange, delayMs: number): Promise<void> {
  if (delayMs > 0) await sleep(delayMs, undefined, { signal: exchange.signal });
}

/** Keeps the connection open and silent until the client goes. */
export async function fallSilent(exchange: Exchange): Promise<never> {
  return new Promise((_, reject) => {
    exchange.signal.addEventListener('abort', () => reject(exchange.signal.reason), { once: true });
  });
}

/** Cuts the connection with a TCP reset, once what was written has left. */
export async function reset(exchange: Exchange): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  exchange.response.socket?.resetAndDestroy();
}

/** Sends a JSON body. */
export function sendJson(exchange: Exchange, status: number, body: object | string): void {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  exchange.response.writeHead(status, { 'content-type': 'application/json', 'openai-processing-ms': '1' });
  exchange.response.end(payload);
}

/** Sends an error in the OpenAI shape. */
export function sendError(exchange: Exchange, status: number, code: string, message: string): void {
  const kind = status < 500 ? 'invalid_request_error' : 'server_error';
  const type = status === 429 ? 'rate_limit_error' : kind;
  sendJson(exchange, status, { error: { message, type, param: null, code } });
}

/** Sends the error that the behaviour asks for. */
function sendWantedError(exchange: Exchange, status: number, behaviour: Behaviour): void {
  const { response, credential } = exchange;
  if (behaviour.retry_after !== undefined) response.setHeader('retry-after', String(behaviour.retry_after));
  if (behaviour.retry_after_ms !== undefined) response.setHeader('retry-after-ms', String(behaviour.retry_after_ms));
  if (status >= 300 && status < 400) response.setHeader('location', '/v1/elsewhere');
  const message =
    status === 401 ? `Incorrect API key provided: ${credential ?? 'none'}.` : `This is the wanted error ${status}.`;
  sendError(exchange, status, behaviour.code ?? `wanted_error_${status}`, message);
}

/** Carries out the faults that come before the first byte of the answer; true when one did. */
export async function failEarly(exchange: Exchange, behaviour: Behaviour): Promise<boolean> {
  if (behaviour.hang === '1') await fallSilent(exchange);
  if (behaviour.reset === 'before') {
    await reset(exchange);
    return true;
  }
  if (behaviour.error !== undefined) {
    sendWantedError(exchange, behaviour.error, behaviour);
    return true;
  }
  if (behaviour.reset !== 'headers' && behaviour.hang !== 'headers') return false;
  exchange.response.writeHead(200, { 'content-type': 'text/event-stream' });
  exchange.response.flushHeaders();
  if (behaviour.hang === 'headers') await fallSilent(exchange);
  await reset(exchange);
  return true;
}
