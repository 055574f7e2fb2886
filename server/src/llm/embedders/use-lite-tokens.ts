/**
 * Text to token windows for the Universal Sentence Encoder lite.
 *
 * Promises: the most probable segmentation under the model's SentencePiece unigram vocabulary (Kudo 2018,
 * arXiv:1804.10959), for any string, in time linear in its length; windows that the model reads to the end.
 */

/** A piece and its log probability; the place in the vocabulary is the token id. */
export type Vocabulary = readonly (readonly [piece: string, score: number])[];

/** The model clips its input after this many tokens (constant `ClipToMaxLength/Less/y` of its graph). */
export const windowTokensMax = 128;

/** How far before its ideal place a window may end, so that it ends between two words. */
const wordBreakTokensMax = 8;

const wordMark = '\u2581';
const unknownToken = 0;
/** The first ids are control symbols that text never maps to. */
const controlTokens = 6;
/** SentencePiece scores an unknown character this far below its rarest piece. */
const unknownPenalty = 10;

/** Cuts a text into windows of at most `windowTokensMax` tokens, about equally long, never empty. */
export type WindowsFromText = (text: string) => Int32Array[];

/** Prepares the vocabulary once; the returned function is pure. */
export function createWindowsFromText(vocabulary: Vocabulary): WindowsFromText {
  const idByPiece = new Map<string, number>();
  const scores = new Float64Array(vocabulary.length);
  let pieceLengthMax = 1;
  let unknownScore = 0;
  vocabulary.forEach(([piece, score], id) => {
    if (id < controlTokens) return;
    idByPiece.set(piece, id);
    scores[id] = score;
    pieceLengthMax = Math.max(pieceLengthMax, piece.length);
    unknownScore = Math.min(unknownScore, score - unknownPenalty);
  });
  const startsWord = (token: number) => vocabulary[token]?.[0].startsWith(wordMark) ?? false;

  /** Viterbi over the pieces: `best[end]` is the score of the best segmentation of the first `end` code units. */
  function tokensFromText(text: string): number[] {
    const marked = wordMark + text.toWellFormed().normalize('NFKC').trim().replace(/\s+/g, wordMark);
    const best = new Float64Array(marked.length + 1).fill(-Infinity);
    const bestToken = new Int32Array(marked.length + 1);
    const bestStart = new Int32Array(marked.length + 1);
    best[0] = 0;
    const offer = (start: number, end: number, token: number, pieceScore: number) => {
      const score = (best[start] ?? 0) + pieceScore;
      if (score <= (best[end] ?? 0)) return;
      best[end] = score;
      bestToken[end] = token;
      bestStart[end] = start;
    };

    for (let start = 0; start < marked.length; start += 1) {
      if (best[start] === -Infinity) continue;
      for (let end = start + 1; end <= Math.min(marked.length, start + pieceLengthMax); end += 1) {
        const token = idByPiece.get(marked.slice(start, end));
        if (token !== undefined) offer(start, end, token, scores[token] ?? 0);
      }
      const characterLength = (marked.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
      offer(start, start + characterLength, unknownToken, unknownScore);
    }

    const tokens: number[] = [];
    for (let end = marked.length; end > 0; end = bestStart[end] ?? 0) {
      const token = bestToken[end] ?? unknownToken;
      // A run of unknown characters is one unknown token, as the model was trained.
      if (token !== unknownToken || tokens.at(-1) !== unknownToken) tokens.push(token);
    }
    return tokens.reverse();
  }

  return (text) => {
    const tokens = tokensFromText(text);
    const count = Math.max(1, Math.ceil(tokens.length / (windowTokensMax - wordBreakTokensMax)));
    const windows: Int32Array[] = [];
    let start = 0;
    for (let window = 1; window <= count; window += 1) {
      const ideal = Math.round((window * tokens.length) / count);
      const end = window === count ? ideal : wordBreakBefore(tokens, ideal, startsWord);
      windows.push(Int32Array.from(tokens.slice(start, end)));
      start = end;
    }
    return windows;
  };
}

/** The nearest place at or before `ideal` where a word starts; `ideal` itself inside an overlong word. */
function wordBreakBefore(tokens: readonly number[], ideal: number, startsWord: (token: number) => boolean): number {
  for (let place = ideal; place > ideal - wordBreakTokensMax; place -= 1) {
    if (startsWord(tokens[place] ?? unknownToken)) return place;
  }
  return ideal;
}
