import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatFrame, readChatCompletion, readChatStream } from './chat-stream.ts';

const event = (chunk: unknown, newline = '\n') => `data: ${JSON.stringify(chunk)}${newline}${newline}`;
const delta = (content: string, more: object = {}) => ({
  model: 'm-1',
  choices: [{ index: 0, delta: { content }, finish_reason: null, ...more }],
});
const finish = { model: 'm-1', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
const done = 'data: [DONE]\n\n';
const never = () => expect.unreachable('The endpoint sent a usage.');

async function* inPieces(text: string, places: readonly number[] = []): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const bounds = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [index, to] of bounds.slice(1).entries()) yield bytes.slice(bounds[index], to);
}

/** Reads all; what was yielded before an error is kept beside it. */
async function read(text: string, places?: readonly number[]) {
  const stream = readChatStream(inPieces(text, places));
  const frames: ChatFrame[] = [];
  let error: unknown;
  try {
    for await (const frame of stream.frames) frames.push(frame);
  } catch (caught) {
    error = caught;
  }
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes)).toString('utf8');
  return {
    bytes,
    kinds: frames.map((frame) => frame.kind),
    text: frames.map((frame) => frame.text).join(''),
    error,
    ...stream,
  };
}

describe('readChatStream', () => {
  it('forwards every byte and reads the same, wherever the reads end and lines end how they like', async () => {
    const text = fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { maxLength: 6 });
    const newline = fc.constantFrom('\n', '\r\n', '\r');
    await fc.assert(
      fc.asyncProperty(text, newline, fc.array(fc.nat(), { maxLength: 10 }), async (pieces, end, places) => {
        const answer = [
          `: keep-alive${end}${end}`,
          ...pieces.map((piece) => event({ ...delta(piece), unknown: '✓' }, end)),
          `data:${JSON.stringify(finish)}${end}${end}`,
          event({ choices: [], usage }, end),
          `data: [DONE]${end}${end}`,
        ].join('');
        const result = await read(answer, places);
        expect(result.error).toBeUndefined();
        expect(result.bytes).toBe(answer);
        expect(result.text).toBe(pieces.join(''));
        expect(result.tally.text).toBe(pieces.join(''));
        expect(result.tally.usage(never)).toEqual({ inputTokens: 7, outputTokens: 3, source: 'provider' });
        expect(result.tally).toMatchObject({ finishReason: 'stop', model: 'm-1', isComplete: true });
      }),
      { numRuns: 300 },
    );
  });

  it('tells the frames apart', async () => {
    const { kinds } = await read(`: hi\n\n${event(delta('a'))}${event(finish)}${event({ choices: [], usage })}${done}`);
    expect(kinds).toEqual(['comment', 'chunk', 'chunk', 'usage', 'done']);
  });

  it.each([
    ['beside the last choices', event({ ...finish, usage })],
    ['on a chunk of its own', event(finish) + event({ choices: [], usage })],
    [
      'as a running total',
      event({ ...delta('b'), usage: { ...usage, completion_tokens: 1 } }) + event({ ...finish, usage }),
    ],
    ['before a null', event({ ...finish, usage }) + event({ choices: [], usage: null })],
  ])('accepts the usage %s', async (_, events) => {
    const { tally, error } = await read(event(delta('a')) + events + done);
    expect(error).toBeUndefined();
    expect(tally.usage(never)).toEqual({ inputTokens: 7, outputTokens: 3, source: 'provider' });
  });

  it.each([
    ['missing', undefined],
    ['negative', { prompt_tokens: -1, completion_tokens: 3 }],
    ['fractional', { prompt_tokens: 1.5, completion_tokens: 3 }],
    ['text', { prompt_tokens: '7', completion_tokens: 3 }],
    ['half', { prompt_tokens: 7 }],
  ])('counts the tokens itself when the usage is %s', async (_, bad) => {
    const { tally } = await read(
      event(delta('hello world')) + event(finish) + event({ choices: [], usage: bad }) + done,
    );
    expect(tally.usage(() => 5)).toEqual({ inputTokens: 5, outputTokens: 2, source: 'counted' });
  });

  it('counts refusals, reasoning and calls, each choice for itself', async () => {
    const choice = (index: number, part: object) => event({ choices: [{ index, delta: part, finish_reason: null }] });
    const call = (part: object) => ({ tool_calls: [{ index: 0, function: part }] });
    const { tally } = await read(
      choice(0, { reasoning_content: 'hello world' }) +
        choice(1, { content: 'hel' }) +
        choice(0, call({ name: 'hello' })) +
        choice(1, { content: 'lo' }) +
        choice(0, call({ arguments: ' world' })) +
        choice(2, { refusal: 'hello' }) +
        event(finish) +
        done,
    );
    expect(tally.text).toBe('');
    expect(tally.usage(() => 0)?.outputTokens).toBe(2 + 2 + 1 + 1);
  });

  it('is complete without [DONE] once there was a finish reason, and without one once there was [DONE]', async () => {
    expect((await read(event(delta('a')) + event(finish))).error).toBeUndefined();
    expect((await read(event(delta('a')) + done)).error).toBeUndefined();
    expect((await read(`${event(delta('a'))}data: [DONE]`)).error).toBeUndefined();
  });

  it.each([
    ['nothing at all', ''],
    ['text without an end', event(delta('a'))],
    ['half an event', `${event(delta('a'))}data: {"choices":[{"ind`],
    ['half a line', `${event(delta('a'))}da`],
    ['an event that is not JSON', `${event(delta('a'))}data: {"choi\n\n${event(finish)}${done}`],
    ['an event that is no object', `${event(delta('a'))}data: 7\n\n${event(finish)}${done}`],
    ['a page of HTML', '<html>\n\n<body>Bad gateway</body>\n'],
  ])('fails after %s, and forwards only whole events before', async (_, text) => {
    const { error, bytes } = await read(text);
    expect(error).toMatchObject({ name: 'AppError', code: 'upstream_unavailable' });
    if (text.startsWith('data')) expect(bytes).toBe(event(delta('a')));
  });

  it.each([
    ['{"error":{"message":"secret prompt","code":"server_error"}}', 'upstream_unavailable'],
    ['{"error":"secret prompt"}', 'upstream_unavailable'],
    ['{"error":{"message":"secret prompt","code":429}}', 'upstream_rate_limited'],
    ['{"error":{"message":"secret prompt","type":"rate_limit_error"}}', 'upstream_rate_limited'],
    ['{"error":{"message":"secret prompt","code":400}}', 'upstream_rejected'],
    ['{"error":{"message":"secret prompt","code":"context_length_exceeded"}}', 'context_length_exceeded'],
  ])('throws the error %s in band as %s, quoting nothing', async (data, code) => {
    const { error, bytes, tally } = await read(`${event(delta('hello world'))}data: ${data}\n\n${done}`);
    expect(error).toMatchObject({ name: 'AppError', code });
    expect(`${error} ${(error as Error).cause}`).not.toContain('secret');
    expect(bytes).toBe(event(delta('hello world')));
    expect(tally.usage(() => 5)).toEqual({ inputTokens: 5, outputTokens: 2, source: 'counted' });
  });

  it('throws an event named error even if its data does not say so', async () => {
    const { error } = await read(`${event(delta('a'))}event: error\ndata: {"message":"x"}\n\n${done}`);
    expect(error).toMatchObject({ code: 'upstream_unavailable' });
  });

  it('has no usage while nothing was produced', async () => {
    const { tally } = await read(': keep-alive\n\ndata: {"error":{"message":"x"}}\n\n');
    expect(tally.usage(never)).toBeUndefined();
  });
});

describe('readChatCompletion', () => {
  const completion = {
    model: 'm-1',
    choices: [{ index: 0, message: { content: 'hello world' }, finish_reason: 'stop' }],
  };

  it('keeps the bytes and accounts for them', async () => {
    const text = JSON.stringify({ ...completion, usage, seed: 1 }).replace('"seed":1', '"seed":12345678901234567890');
    const { bytes, tally } = await readChatCompletion(inPieces(text, [9, 30]));
    expect(Buffer.from(bytes).toString()).toBe(text);
    expect(tally).toMatchObject({ text: 'hello world', finishReason: 'stop', model: 'm-1', isComplete: true });
    expect(tally.usage(never)).toEqual({ inputTokens: 7, outputTokens: 3, source: 'provider' });
  });

  it('counts the tokens itself when there is no usage', async () => {
    const { tally } = await readChatCompletion(inPieces(JSON.stringify(completion)));
    expect(tally.usage(() => 5)).toEqual({ inputTokens: 5, outputTokens: 2, source: 'counted' });
  });

  it.each(['', '{"choices":[', '{}', '7', 'null', '{"error":{"message":"x"}}'])('refuses %j', async (text) => {
    await expect(readChatCompletion(inPieces(text))).rejects.toMatchObject({ code: 'upstream_unavailable' });
  });
});
