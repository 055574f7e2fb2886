/**
 * Reads the answer to a chat on the OpenAI wire, for whoever wants its text and for whoever forwards its bytes.
 *
 * Promises: the bytes of all frames, joined, are the bytes of the endpoint, unchanged, fields nobody knows included; each
 * frame is a whole event; the tally is exact at any moment. An answer that breaks, reports an error in band, or ends
 * before it is complete throws, after all that was good has been yielded: it never looks like a normal end.
 */

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { AppError } from '../errors.ts';
import { type ChatTally, type ChatTallyWriter, createChatTally } from './chat-tally.ts';
import { createSseBlocks } from './sse-blocks.ts';
import { errorFromInband } from './upstream-errors.ts';

/** Longest single event; far above what any endpoint sends, a large tool call included. */
const eventBytesMax = 4 * 1024 * 1024;

/** One event of the stream. */
export interface ChatFrame {
  /** The event as received, to be forwarded as it is. */
  readonly bytes: Uint8Array;
  /** `usage` holds nothing but the usage, which a client that did not ask for it does not expect. */
  readonly kind: 'chunk' | 'usage' | 'done' | 'comment';
  /** What it adds to the text of the first choice. */
  readonly text: string;
}

/** A streamed answer and its account. */
export interface ChatStream {
  /**
   * The events, readable once. After `[DONE]` nothing more is read.
   *
   * @throws {AppError} what the body throws; the in-band error; `upstream_unavailable` when the stream is malformed or
   * ends before a finish reason and `[DONE]`; `upstream_rejected` when one event is longer than 4 MiB.
   */
  readonly frames: AsyncIterable<ChatFrame>;
  readonly tally: ChatTally;
}

/** Reads a streamed answer, `UpstreamResponse.body`. */
export function readChatStream(body: AsyncIterable<Uint8Array>): ChatStream {
  const tally = createChatTally();
  return { tally, frames: framesFrom(body, tally) };
}

/**
 * Reads an answer that is one JSON document.
 *
 * @throws {AppError} what the body throws; the error that the document holds; `upstream_unavailable` when it is no
 * chat completion.
 */
export async function readChatCompletion(
  body: AsyncIterable<Uint8Array>,
): Promise<{ readonly bytes: Uint8Array; readonly tally: ChatTally }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const completion = objectFrom(bytes.toString('utf8'));
  if (!Array.isArray(completion.choices)) throw malformed('Its answer is not a chat completion.');
  const tally = createChatTally();
  tally.add(completion);
  tally.complete();
  return { bytes, tally };
}

async function* framesFrom(body: AsyncIterable<Uint8Array>, tally: ChatTallyWriter): AsyncGenerator<ChatFrame> {
  const blocks = createSseBlocks(eventBytesMax);
  const read = createFrameReader(tally);
  for await (const bytes of body) {
    for (const block of wholeBlocks(() => blocks.push(bytes))) {
      const frame = read(block);
      yield frame;
      if (frame.kind === 'done') return;
    }
  }
  // Some endpoints leave out the blank line after their last event. What is left of a broken answer is not forwarded: the
  // error event that follows it would be read as a part of it.
  const rest = blocks.rest();
  const last = rest.length > 0 ? read(rest, '\n\n') : undefined;
  if (tally.isComplete && last !== undefined) yield last;
  if (!tally.isComplete) throw malformed('It ended its answer before it was complete.');
}

function wholeBlocks(push: () => readonly Uint8Array[]): readonly Uint8Array[] {
  try {
    return push();
  } catch (cause) {
    throw new AppError('upstream_rejected', { detail: 'One event of its answer is longer than allowed.', cause });
  }
}

/** Makes the function that turns one block (and what is missing at its end) into a frame. */
function createFrameReader(tally: ChatTallyWriter): (block: Uint8Array, missing?: string) => ChatFrame {
  const decoder = new TextDecoder();
  let event: EventSourceMessage | undefined;
  const parser = createParser({
    onEvent: (message) => {
      event = message;
    },
  });
  return (bytes, missing = '') => {
    event = undefined;
    parser.feed(decoder.decode(bytes) + missing);
    return { bytes, ...meaningOf(event, tally) };
  };
}

function meaningOf(event: EventSourceMessage | undefined, tally: ChatTallyWriter): Omit<ChatFrame, 'bytes'> {
  const data = event?.data.trim() ?? '';
  if (data === '') return { kind: 'comment', text: '' };
  if (data === '[DONE]') {
    tally.complete();
    return { kind: 'done', text: '' };
  }
  const chunk = objectFrom(data, event?.event === 'error');
  const text = tally.add(chunk);
  const hasChoices = Array.isArray(chunk.choices) && chunk.choices.length > 0;
  return { kind: chunk.usage && !hasChoices ? 'usage' : 'chunk', text };
}

/** Parses a JSON object that must not be an error. */
function objectFrom(text: string, isError = false): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed('It sent something that is not JSON.', cause);
  }
  if (typeof value !== 'object' || value === null) throw malformed('It sent something that is not a JSON object.');
  const object = value as Readonly<Record<string, unknown>>;
  if (isError || object.error) throw errorFromInband(object);
  return object;
}

function malformed(detail: string, cause?: unknown): AppError {
  return new AppError('upstream_unavailable', { detail, cause });
}
