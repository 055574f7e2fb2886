/** What every embedder guarantees; call it from the test file of each implementation. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAppError } from '../../errors.ts';
import type { Embedder } from './embedder.ts';

/** Floating-point sums differ with the size of a batch; measured differences are below 2e-7. */
const tolerance = 1e-5;

/** Runs the suite; `create` makes a fresh embedder with room for at least 32 texts. */
export function describeEmbedderConformance(name: string, create: () => Embedder): void {
  describe(`embedder conformance: ${name}`, () => {
    let embedder: Embedder;
    const signal = new AbortController().signal;
    const embed = (...texts: string[]) => embedder.embed(texts, signal);
    const embedOne = async (text: string) => vectorAt(await embed(text), 0);

    beforeAll(() => {
      embedder = create();
    });
    afterAll(() => embedder.close());

    it('gives one vector of norm one and of the promised dimension per text, blank and strange texts included', async () => {
      const texts = ['A plain sentence.', '', ' \n\t', '\ud800 half a pair', '日本語 🙂 \u0000', 'x'.repeat(2_000)];
      const vectors = await embed(...texts);
      expect(vectors).toHaveLength(texts.length);
      for (const vector of vectors) {
        expect(vector).toHaveLength(embedder.profile.dimensions);
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
      }
    });

    it('answers no texts with no vectors', async () => {
      expect(await embed()).toEqual([]);
    });

    it('gives a text the same vector alone, in a batch, and beside concurrent calls', async () => {
      const texts = ['Short.', 'A sentence of a few more words.', 'budget '.repeat(300)];
      const batch = await embed(...texts);
      const concurrent = await Promise.all(texts.map(embedOne));
      for (const [place, text] of texts.entries()) {
        expectSameVector(vectorAt(batch, place), await embedOne(text));
        expectSameVector(vectorAt(batch, place), vectorAt(concurrent, place));
      }
    });

    it('reads a long text to its end', async () => {
      const opening = 'The committee met to discuss the schedule of the coming year. '.repeat(20);
      const [harvest, engine] = await embed(`${opening}The wheat harvest failed.`, `${opening}The engine needs oil.`);
      expect(cosine(harvest, engine)).toBeLessThan(0.9999);
    });

    it('places related texts nearer than unrelated ones', async () => {
      const [question, related, unrelated] = await embed(
        'How do I get my money back?',
        'Customers may request a refund within 30 days.',
        'The tallest mountain of the island is a dormant volcano.',
      );
      expect(cosine(question, related)).toBeGreaterThan(cosine(question, unrelated) + 0.1);
    });

    it('rejects with the reason of a signal that has aborted, before or during the call', async () => {
      const reason = new Error('the caller left');
      await expect(embedder.embed(['text'], AbortSignal.abort(reason))).rejects.toBe(reason);
      const controller = new AbortController();
      const pending = embedder.embed(
        Array.from({ length: 20 }, (_, i) => `text ${i} `.repeat(100)),
        controller.signal,
      );
      controller.abort(reason);
      await expect(pending).rejects.toBe(reason);
      expect(await embed('still works')).toHaveLength(1);
    });

    it('fails pending and later calls once it is closed, and closes twice without harm', async () => {
      const closing = create();
      const pending = closing.embed(['text'], signal);
      const outcome = expect(pending).rejects.toSatisfy((error) => isAppError(error, 'dependency_unavailable'));
      await closing.close();
      await closing.close();
      await outcome;
      await expect(closing.embed(['text'], signal)).rejects.toSatisfy((error) =>
        isAppError(error, 'dependency_unavailable'),
      );
    });
  });
}

function vectorAt(vectors: readonly Float32Array[], place: number): Float32Array {
  const vector = vectors[place];
  expect(vector).toBeDefined();
  return vector ?? new Float32Array();
}

function expectSameVector(actual: Float32Array, expected: Float32Array): void {
  expect(Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))))).toBeLessThan(tolerance);
}

/** Cosine of two unit vectors. */
function cosine(a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
