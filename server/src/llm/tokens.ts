/**
 * Token counts, by the o200k_base vocabulary of OpenAI.
 *
 * Promises: never throws, whatever the text; takes time linear in the length of the text, and at most about 0.1 s for any
 * text. Both need care, because every tokenizer we measured takes quadratic time on long unbroken runs (100 000 times
 * the same letter: 7.7 s) and gpt-tokenizer refuses text that looks like a control token.
 *
 * For models with another vocabulary the count is an estimate. It reserves budgets and stands in for a usage that the
 * provider did not send; wherever the provider did report a usage, that one is charged.
 */

import { countTokens as countPiece } from 'gpt-tokenizer/encoding/o200k_base';

/** Longest piece given to the tokenizer, in UTF-16 code units. */
const pieceLengthMax = 512;

/**
 * Longest text that is counted whole, in UTF-16 code units; of a longer one, evenly spaced pieces of this total length
 * are counted and scaled up. Measured at 0.3 ms per 1 000 characters of English and 1.8 ms of random base64, the worst.
 */
const countedLengthMax = 32_768;

/** Text such as `<|endoftext|>` is data here, never a control token. */
const asPlainText = { disallowedSpecial: new Set<string>() };

/**
 * The number of tokens of a text. Exact for text of up to 32 768 UTF-16 code units, except that each run of more than 256
 * characters without a space may put it off by a token; for longer text an estimate (Markdown of 70 000: within 5 %).
 */
export function countTokens(text: string): number {
  if (text.length <= pieceLengthMax) return countPiece(text, asPlainText);
  const stride = Math.max(1, text.length / countedLengthMax);
  let tokens = 0;
  let counted = 0;
  let from = 0;
  while (from < text.length) {
    const to = pieceEnd(text, from);
    tokens += countPiece(text.slice(from, to), asPlainText);
    counted += to - from;
    from = stride === 1 ? to : Math.max(to, Math.round(counted * stride));
  }
  return Math.ceil((tokens * text.length) / counted);
}

/**
 * Where a piece that begins at `from` ends: before the last space in its second half, where the vocabulary never joins
 * characters into one token, so that cutting there costs nothing; else anywhere but inside a surrogate pair.
 */
function pieceEnd(text: string, from: number): number {
  const end = from + pieceLengthMax;
  if (end >= text.length) return text.length;
  for (let at = end; at > end - pieceLengthMax / 2; at -= 1) {
    if (text.charCodeAt(at) === 0x20 && isVisible(text.charCodeAt(at - 1))) return at;
  }
  const isLowSurrogate = (text.charCodeAt(end) & 0xfc00) === 0xdc00;
  return isLowSurrogate ? end - 1 : end;
}

/** Whether a character is not white space (of the kinds that texts are full of). */
function isVisible(code: number): boolean {
  return code > 0x20 && code !== 0xa0;
}

/** A message of a chat as any client may have sent it; see the OpenAI reference of chat completions. */
export interface CountableMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly name?: unknown;
  readonly tool_calls?: unknown;
}

/** Every message is framed by two control tokens and a line break (OpenAI cookbook, "How to count tokens"). */
const tokensPerMessage = 3;
/** The answer is primed with the frame of the assistant's message (same source). */
const tokensPerAnswer = 3;
/** Upper bound of one image in full detail: 85 + 6 tiles of 170 (OpenAI, "Calculating costs" of images, gpt-4o). */
const tokensPerOtherPart = 1105;

/**
 * The number of input tokens of a chat, tools included. Exact, within what `countTokens` says, for plain text messages to
 * models of the vocabulary; parts other than text count as one large image each, calls and tool definitions as JSON.
 */
export function countChatTokens(messages: readonly CountableMessage[], tools?: unknown): number {
  const texts = [jsonText(tools)];
  let framing = tokensPerAnswer;
  for (const { role, content, name, tool_calls: calls } of messages) {
    texts.push(role, jsonText(calls));
    framing += tokensPerMessage;
    if (typeof name === 'string') {
      texts.push(name);
      framing += 1;
    }
    for (const part of Array.isArray(content) ? content : [{ text: content }]) {
      if (typeof part?.text === 'string') texts.push(part.text);
      else if (Array.isArray(content)) framing += tokensPerOtherPart;
    }
  }
  return framing + countAll(texts);
}

/** Counts each text alone while that is quick; many long ones as a single text, so that the bound on the time holds. */
function countAll(texts: readonly string[]): number {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  if (length > countedLengthMax) return countTokens(texts.join('\n'));
  return texts.reduce((sum, text) => sum + countTokens(text), 0);
}

function jsonText(value: unknown): string {
  return value === undefined || value === null ? '' : JSON.stringify(value);
}
