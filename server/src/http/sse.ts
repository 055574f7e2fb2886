/**
 * Answers that are written piece by piece: event streams of our own, and bytes passed through from a model endpoint.
 *
 * An answer begins with its first piece, so whatever fails before it is an ordinary error with its own status. What fails
 * after it is told inside the stream, which then ends. A client that does not read costs a bounded amount of memory.
 */

import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestContext } from '../context.ts';
import type { ChatSink } from '../query/index.ts';
import { answered } from './operation.ts';
import { streamErrorBody } from './plugins/errors.ts';

/** Most bytes that wait for a client to read; one that falls further behind is cut off. */
const streamBufferBytesMax = 262_144;

/** Proxies close connections that are silent for a minute or less. */
const heartbeatIntervalMs = 15_000;

/** Sends one named event; never blocks. */
export type SendEvent = (event: string, data: unknown) => void;

/** One answer of a request. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly ctx: { readonly log: Pick<RequestContext['log'], 'warn'>; readonly signal: AbortSignal };
}

/** Answers with the events that `produce` sends; rejects with its error as long as nothing was sent. */
export async function streamEvents(
  { request, reply, ctx }: Exchange,
  produce: (send: SendEvent) => Promise<void>,
  heartbeatMs: number = heartbeatIntervalMs,
): Promise<typeof answered> {
  const { raw } = reply;

  function write(text: string): void {
    if (raw.destroyed) return;
    if (!raw.headersSent) begin(reply, { 'content-type': 'text/event-stream; charset=utf-8' });
    raw.write(text);
    if (raw.writableLength <= streamBufferBytesMax) return;
    ctx.log.warn({ bytes: raw.writableLength }, 'the client does not read its event stream; connection closed');
    raw.destroy();
  }

  const heartbeat = setInterval(() => write(': heartbeat\n\n'), heartbeatMs);
  const send: SendEvent = (event, data) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  try {
    await produce(send);
  } catch (error) {
    if (!raw.headersSent) throw error;
    send('error', streamErrorBody(error, request));
  } finally {
    clearInterval(heartbeat);
    if (raw.headersSent) raw.end();
  }
  return answered;
}

/** Answers with the bytes that `produce` writes; rejects with its error as long as it did not give the head. */
export async function passThrough(
  { request, reply, ctx }: Exchange,
  produce: (sink: ChatSink) => Promise<void>,
): Promise<typeof answered> {
  const { raw } = reply;
  const sink: ChatSink = {
    // What we say of the answer stands above what the endpoint says.
    head: (headers) => begin(reply, headers),
    async write(bytes) {
      ctx.signal.throwIfAborted();
      if (raw.write(bytes)) return;
      await once(raw, 'drain', { signal: ctx.signal }).catch((error: unknown) => {
        throw ctx.signal.aborted ? ctx.signal.reason : error;
      });
    },
  };
  try {
    await produce(sink);
    raw.end();
  } catch (error) {
    if (!raw.headersSent) throw error;
    const body = JSON.stringify(streamErrorBody(error, request));
    if (String(raw.getHeader('content-type')).startsWith('text/event-stream')) raw.end(`data: ${body}\n\n`);
    // Half an answer that is not a stream can only be shown to be broken.
    else raw.destroy();
  }
  return answered;
}

function begin(reply: FastifyReply, headers: Readonly<Record<string, string>>): void {
  reply.hijack();
  for (const [name, value] of Object.entries({ ...headers, ...reply.getHeaders(), 'x-accel-buffering': 'no' })) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.raw.writeHead(200);
}
