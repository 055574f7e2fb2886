/**
 * What the TEST upstream says, and how it counts: one token is one word together with the white space before it. That
 * differs from every real tokenizer on purpose: a test can tell the usage that was reported from one we counted.
 */

import type { Behaviour } from './behaviour.ts';

/** A message as a client sent it; content is text or a list of parts. */
export interface Message {
  readonly role?: unknown;
  readonly content?: unknown;
}

/** The text of a message; parts other than text count for nothing. */
function textOf(message: Message | undefined): string {
  const content = message?.content;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: unknown }) => (typeof part?.text === 'string' ? part.text : '')).join('');
}

/** Splits text into its tokens; joined again they are the text without trailing white space. */
export function tokensOf(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [];
}

/** Passage [1] of a prompt: without its heading in parentheses, up to the next passage or a line of `===`. */
const firstPassage = /^\[1\](?:[ \t]*\([^\n]*\)(?=\n))?\s*([\s\S]+?)(?=\n\[\d+\]|\n===|$(?![\s\S]))/m;

/** The first sentence of passage [1] and a citation of it, when the messages hold numbered passages. */
function citedAnswer(messages: readonly Message[]): string {
  for (const message of messages.toReversed()) {
    const passage = firstPassage.exec(textOf(message))?.[1];
    if (passage === undefined) continue;
    const sentence = /^[\s\S]*?[.!?](?=\s|$)/.exec(passage.trim())?.[0] ?? passage.trim();
    return `${sentence.replace(/\s+/g, ' ')} [1]`;
  }
  return 'There are no passages to answer from.';
}

/** The tokens of the answer, and whether the client's limit cut it. */
export function answerTokens(
  behaviour: Behaviour,
  messages: readonly Message[],
  tokensMax: number,
): { readonly tokens: readonly string[]; readonly cut: boolean } {
  const natural =
    behaviour.model === 'test-answer'
      ? citedAnswer(messages)
      : textOf(messages.findLast((message) => message.role === 'user'));
  const words = tokensOf(natural);
  if (words.length === 0) words.push('(empty)');
  const wanted = behaviour.tokens ?? words.length;
  const length = Math.min(wanted, tokensMax);
  const tokens = Array.from({ length }, (_, index) => {
    const word = words[index % words.length] ?? '';
    return index > 0 && !/^\s/.test(word) ? ` ${word}` : word;
  });
  return { tokens, cut: length < wanted };
}

/** The number of tokens in a prompt. */
export function promptTokens(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + tokensOf(textOf(message)).length, 0);
}
