import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseBlocks } from './sse-blocks.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The blocks of a text that arrives in pieces cut at the given places. */
function cut(text: string, places: readonly number[] = []): { blocks: string[]; rest: string } {
  const bytes = bytesOf(text);
  const bounds = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const cutter = createSseBlocks(1000);
  const blocks = bounds.slice(1).flatMap((to, index) => cutter.push(bytes.slice(bounds[index], to)));
  return { blocks: blocks.map(textOf), rest: textOf(cutter.rest()) };
}

describe('createSseBlocks', () => {
  it.each([
    ['LF', 'data: a\n\ndata: b\ndata: c\n\n', ['data: a\n\n', 'data: b\ndata: c\n\n']],
    ['CR LF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['data: a\r\n\r\n', 'data: b\r\n\r\n']],
    ['CR', 'data: a\r\rdata: b\r\r:', ['data: a\r\r', 'data: b\r\r']],
    ['a mixture', 'data: a\r\n\ndata: b\n\r\ndata: c\r\r\n', ['data: a\r\n\n', 'data: b\n\r\n', 'data: c\r\r\n']],
    ['blank lines', '\n\n\ndata: a\n\n', ['\n', '\n', '\n', 'data: a\n\n']],
  ])('ends a block with its blank line: %s', (_, text, blocks) => {
    expect(cut(text).blocks).toEqual(blocks);
  });

  it('cuts at the same places and loses no byte, wherever the reads end', () => {
    const line = fc.constantFrom('data: é🙂', 'data:{"a":1}', ': comment', 'event: x', '', '');
    const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 20 });
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (lines, places) => {
        const text = lines.map(([content, end]) => content + end).join('');
        const { blocks, rest } = cut(text, places);
        expect(blocks.join('') + rest).toBe(text);
        expect({ blocks, rest }).toEqual(cut(text));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses an event beyond the limit instead of keeping it', () => {
    const cutter = createSseBlocks(10);
    cutter.push(bytesOf('data: 1234'));
    expect(() => cutter.push(bytesOf('5'))).toThrow(RangeError);
  });
});
