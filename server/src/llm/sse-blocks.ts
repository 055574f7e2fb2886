/**
 * Cuts a stream of server-sent events into blocks of whole events, without changing a byte.
 *
 * A gateway that forwards whole events only can, when the upstream breaks, put its own error event where the next one
 * would have begun; after half an event no client could read it. The grammar is that of the WHATWG HTML standard,
 * section 9.2.5, where a line ends with LF, CR or CR LF.
 */

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Cuts one stream. */
export interface SseBlocks {
  /** Takes the next bytes and returns the blocks that they complete; joined, all blocks and the rest are the input. */
  push(bytes: Uint8Array): readonly Uint8Array[];
  /** What came after the last whole block, possibly nothing. */
  rest(): Uint8Array;
}

/** Where the reader stands; after a CR it must see the next byte, maybe of the next read, to know the line end. */
type Position = 'in-line' | 'line-start' | 'after-cr' | 'after-blank-line-cr';

/**
 * Starts to cut a stream. A block ends with its blank line.
 *
 * @throws {RangeError} from `push`, when a block grows beyond `blockBytesMax`.
 */
export function createSseBlocks(blockBytesMax: number): SseBlocks {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let position: Position = 'line-start';

  function take(bytes: Uint8Array): Uint8Array {
    const block = pending.length === 0 ? bytes : Buffer.concat([...pending, bytes]);
    pending = [];
    pendingBytes = 0;
    return block;
  }

  return {
    push(bytes) {
      const blocks: Uint8Array[] = [];
      let from = 0;
      const cut = (to: number) => {
        blocks.push(take(bytes.subarray(from, to)));
        from = to;
      };
      for (let at = 0; at < bytes.length; at += 1) {
        const byte = bytes[at];
        const isBreak = byte === lineFeed || byte === carriageReturn;
        if (position === 'in-line' && !isBreak) continue;
        const wasBlank = position === 'after-blank-line-cr';
        if (byte === lineFeed) {
          if (wasBlank || position === 'line-start') cut(at + 1);
          position = 'line-start';
        } else {
          if (wasBlank) cut(at);
          if (isBreak) position = position === 'in-line' ? 'after-cr' : 'after-blank-line-cr';
          else position = 'in-line';
        }
      }
      if (from < bytes.length) pending.push(bytes.subarray(from));
      pendingBytes += bytes.length - from;
      if (pendingBytes > blockBytesMax) throw new RangeError(`An event is longer than ${blockBytesMax} bytes.`);
      return blocks;
    },
    rest: () => take(new Uint8Array()),
  };
}
