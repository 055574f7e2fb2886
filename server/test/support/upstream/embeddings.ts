/**
 * Embeddings of the TEST upstream: the words of a text hashed into a unit vector. The same text always has the same
 * vector, and texts that share words are near each other, which is all that a test needs.
 */

import { createHash } from 'node:crypto';
import { tokensOf } from './answer.ts';

/** The vector of a text; of norm one, also for a text without words. */
function hashVector(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    const digest = createHash('sha256').update(word).digest();
    const index = digest.readUInt32LE(0) % dimensions;
    vector[index] = (vector[index] ?? 0) + (digest.readUInt8(4) % 2 === 0 ? 1 : -1);
  }
  const norm = Math.hypot(...vector);
  if (norm === 0) vector[0] = 1;
  return norm === 0 ? vector : vector.map((value) => value / norm);
}

/** The answer to an embeddings request, and its number of tokens. */
export function embeddingsAnswer(body: Record<string, unknown>): { readonly answer: object; readonly tokens: number } {
  const inputs = Array.isArray(body.input) ? body.input.map(String) : [String(body.input ?? '')];
  const dimensions = typeof body.dimensions === 'number' ? body.dimensions : 384;
  const tokens = inputs.reduce((sum, input) => sum + tokensOf(input).length, 0);
  const data = inputs.map((input, index) => {
    const vector = hashVector(input, dimensions);
    const embedding =
      body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
    return { object: 'embedding', index, embedding };
  });
  return {
    answer: { object: 'list', data, model: body.model, usage: { prompt_tokens: tokens, total_tokens: tokens } },
    tokens,
  };
}
