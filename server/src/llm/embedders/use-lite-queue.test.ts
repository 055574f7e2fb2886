import { describe, expect, it } from 'vitest';
import { createWindowQueue, type StepWindow, stepTokensMax, useLiteDimensions } from './use-lite-queue.ts';

/** One window per `|`-separated part, one token per character. */
const windowsFromText = (text: string) => text.split('|').map((part) => new Int32Array(part.length).fill(7));
const passage = 'x'.repeat(stepTokensMax);
const question = 'x'.repeat(10);

/** Vectors that tell the windows of a step apart by the length of the window. */
const vectorsOf = (step: readonly StepWindow[]) =>
  step.map(({ tokens }) => new Float32Array(useLiteDimensions).fill(0).map((_, i) => (i === tokens.length ? 1 : 0)));

function drain(queue: ReturnType<typeof createWindowQueue>): number[][] {
  const steps: number[][] = [];
  for (let step = queue.nextStep(); step.length > 0; step = queue.nextStep()) {
    steps.push(step.map(({ call }) => call.id));
    queue.finishStep(step, vectorsOf(step));
  }
  return steps;
}

describe('the order of steps', () => {
  it('puts a question before ingestion that waits', () => {
    const queue = createWindowQueue(windowsFromText);
    queue.add({ id: 1, texts: [passage, passage] });
    queue.add({ id: 2, texts: [question] });
    expect(drain(queue)).toEqual([[2], [1], [1]]);
  });

  it('gives ingestion every fifth step under questions without end', () => {
    const queue = createWindowQueue(windowsFromText);
    queue.add({ id: 0, texts: [passage, passage] });
    const fullQuestion = 'x'.repeat(100);
    for (let id = 1; id <= 12; id += 1) queue.add({ id, texts: [fullQuestion] });
    const steps = drain(queue).flat();
    expect(steps.map((id) => (id === 0 ? 'i' : 'q')).join('')).toBe('qqqqiqqqqiqqqq');
  });

  it('lets long calls take turns', () => {
    const queue = createWindowQueue(windowsFromText);
    queue.add({ id: 1, texts: [passage, passage, passage] });
    queue.add({ id: 2, texts: [passage, passage] });
    expect(drain(queue).flat()).toEqual([1, 2, 1, 2, 1]);
  });

  it('does not take a long single text for a question', () => {
    const queue = createWindowQueue(windowsFromText);
    queue.add({
      id: 1,
      texts: Array.from({ length: 6 }, () => passage)
        .slice(0, 1)
        .concat(),
    });
    queue.add({ id: 2, texts: [Array.from({ length: 6 }, () => passage).join('|')] });
    queue.add({ id: 3, texts: [question] });
    expect(drain(queue).flat().slice(-6)).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it('fills a step across calls up to its limit, padding counted', () => {
    const queue = createWindowQueue(windowsFromText);
    for (let id = 1; id <= 3; id += 1) queue.add({ id, texts: ['x'.repeat(60)] });
    expect(drain(queue)).toEqual([[1, 2], [3]]);
    queue.add({ id: 4, texts: ['x'.repeat(stepTokensMax / 2), 'x', 'x'] });
    expect(drain(queue)).toEqual([[4, 4], [4]]);
  });
});

describe('the result of a call', () => {
  it('is the mean of its windows, of norm one, text by text in order', () => {
    const queue = createWindowQueue(windowsFromText);
    queue.add({ id: 1, texts: ['xxx|xxxx', 'xxxxx'] });
    const step = queue.nextStep();
    const [finished] = queue.finishStep(step, vectorsOf(step));
    const nonZero = finished?.vectors.map((vector) =>
      [...vector].flatMap((value, dimension) => (value === 0 ? [] : [[dimension, Number(value.toFixed(2))]])),
    );
    expect(nonZero).toEqual([
      [
        [3, 0.71],
        [4, 0.71],
      ],
      [[5, 1]],
    ]);
  });

  it('comes out once, after its last window', () => {
    const queue = createWindowQueue(windowsFromText);
    queue.add({ id: 1, texts: [passage, `${passage}|${passage}`, ''] });
    const counts: number[] = [];
    for (let step = queue.nextStep(); step.length > 0; step = queue.nextStep()) {
      counts.push(queue.finishStep(step, vectorsOf(step)).length);
    }
    expect(counts).toEqual([0, 0, 0, 1]);
  });

  it('is not computed further once the call was cancelled', () => {
    const queue = createWindowQueue(windowsFromText);
    queue.add({ id: 1, texts: [passage, passage, passage] });
    queue.add({ id: 2, texts: [passage, passage] });
    const step = queue.nextStep();
    queue.cancel(1);
    queue.finishStep(step, vectorsOf(step));
    expect(drain(queue)).toEqual([[2], [2]]);
  });
});
