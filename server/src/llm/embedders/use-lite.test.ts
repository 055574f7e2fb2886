import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { isAppError } from '../../errors.ts';
import { describeEmbedderConformance } from './embedder.conformance.ts';
import type { Embedder } from './embedder.ts';
import { createUseLiteEmbedder, textCharactersMax } from './use-lite.ts';
import { startUseLiteThread } from './use-lite-thread.ts';

// The model shares the machine with other test files; a time limit here would measure them.
vi.setConfig({ testTimeout: 60_000 });

const options = { queueTextsMax: 64, timeoutMs: 60_000 };
const signal = new AbortController().signal;
const passages = (count: number) =>
  Array.from({ length: count }, (_, i) => `passage ${i} about the harvest `.repeat(20));
const isUnavailable = (error: unknown) => isAppError(error, 'dependency_unavailable');

const opened: Embedder[] = [];
function open(overrides: Partial<typeof options> = {}, startThread = startUseLiteThread): Embedder {
  const embedder = createUseLiteEmbedder({ ...options, ...overrides }, startThread);
  opened.push(embedder);
  return embedder;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((embedder) => embedder.close()));
});

describeEmbedderConformance('use-lite', () => createUseLiteEmbedder(options));

it('refuses what exceeds the queue, says when to come back, and takes calls again once there is room', async () => {
  const embedder = open({ queueTextsMax: 3 });
  const first = embedder.embed(['one', 'two'], signal);
  await expect(embedder.embed(['three', 'four'], signal)).rejects.toSatisfy(
    (error) => isUnavailable(error) && isAppError(error) && (error.retryAfterMs ?? 0) > 0,
  );
  await first;
  expect(await embedder.embed(['three', 'four'], signal)).toHaveLength(2);
});

it('gives the room of an aborted call back at once', async () => {
  const embedder = open({ queueTextsMax: 2 });
  const controller = new AbortController();
  const aborted = embedder.embed(['one', 'two'], controller.signal);
  controller.abort(new Error('left'));
  await expect(aborted).rejects.toThrow('left');
  expect(await embedder.embed(['three', 'four'], signal)).toHaveLength(2);
});

it('refuses a call that no queue could hold as a mistake of the caller', async () => {
  await expect(open({ queueTextsMax: 2 }).embed(['a', 'b', 'c'], signal)).rejects.toThrow(RangeError);
});

it('names the text that is too long', async () => {
  const texts = ['fine', 'x'.repeat(textCharactersMax + 1)];
  await expect(open().embed(texts, signal)).rejects.toSatisfy(
    (error) => isAppError(error, 'request_invalid') && error.message.startsWith('Text 1 has 32769 characters'),
  );
});

it('fails a call that takes longer than allowed, and goes on', async () => {
  const embedder = open({ timeoutMs: 2_000 });
  await embedder.embed(['load the model'], signal);
  await expect(
    embedder.embed(
      Array.from({ length: 4 }, () => 'word '.repeat(6_000)),
      signal,
    ),
  ).rejects.toSatisfy(isUnavailable);
  expect(await embedder.embed(['a question'], signal)).toHaveLength(1);
});

it('answers a question before the ingestion that was there first', async () => {
  const embedder = open();
  const finished: string[] = [];
  const ingestion = embedder.embed(passages(4), signal).then(() => finished.push('ingestion'));
  const question = embedder.embed(['Was the harvest good?'], signal).then(() => finished.push('question'));
  await Promise.all([ingestion, question]);
  expect(finished).toEqual(['question', 'ingestion']);
});

it('fails the pending calls when the thread dies, and starts another on the next call', async () => {
  const threads: Worker[] = [];
  const embedder = open({}, () => {
    const thread = startUseLiteThread();
    threads.push(thread);
    return thread;
  });
  const before = await embedder.embed(['the same text'], signal);
  const pending = [embedder.embed(passages(4), signal), embedder.embed(['question'], signal)];
  const outcomes = Promise.all(pending.map((call) => expect(call).rejects.toSatisfy(isUnavailable)));
  await threads[0]?.terminate();
  await outcomes;
  expect(await embedder.embed(['the same text'], signal)).toEqual(before);
  expect(threads).toHaveLength(2);
});

it('leaves the event loop free while it computes', async () => {
  const embedder = open();
  let isDone = false;
  let turns = 0;
  const call = embedder.embed(passages(4), signal).finally(() => {
    isDone = true;
  });
  // Each turn yields to timers and I/O; a blocking embedder would allow a handful, a free loop has thousands.
  while (!isDone) {
    await new Promise(setImmediate);
    turns += 1;
  }
  await call;
  expect(turns).toBeGreaterThan(500);
});

it('lets the process exit when idle, without close()', async () => {
  const module = new URL('./use-lite.ts', import.meta.url).href;
  const program = `
    import { createUseLiteEmbedder } from ${JSON.stringify(module)};
    const embedder = createUseLiteEmbedder(${JSON.stringify(options)});
    const [vector] = await embedder.embed(['text'], new AbortController().signal);
    process.stdout.write(String(vector.length));`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { timeout: 30_000 });
  expect((await run).stdout).toBe('512');
});
