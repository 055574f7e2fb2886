/**
 * Questions to whoever runs a command: at a terminal they type, in a script each answer is a line of standard input. What
 * is secret is not shown while it is typed, and is never an argument, which other users of the machine could read.
 */

import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError } from './failures.ts';
import type { Surroundings } from './shell.ts';

/** Asks. */
export interface Prompts {
  /** One line, without what surrounds it. @throws {CommandError} when there is none, or it is far too long. */
  readonly ask: (question: string, options?: { readonly isSecret?: boolean }) => Promise<string>;
  readonly close: () => void;
}

const answerLengthMax = 1024;

/** Makes the questions of one command, which closes them. */
export function createPrompts({ stdin, stderr }: Pick<Surroundings, 'stdin' | 'stderr'>): Prompts {
  const isTerminal = (stdin as { readonly isTTY?: boolean }).isTTY === true;
  let isShown = true;
  const echo = new Writable({
    write(chunk, _encoding, done) {
      if (isShown) stderr.write(chunk as Uint8Array);
      done();
    },
  });
  let reader: Interface | undefined;
  let lines: AsyncIterator<string> | undefined;

  async function nextLine(): Promise<string | undefined> {
    reader ??= createInterface({ input: stdin, terminal: isTerminal, ...(isTerminal ? { output: echo } : {}) });
    lines ??= reader[Symbol.asyncIterator]();
    const { value, done } = await lines.next();
    return done === true ? undefined : (value as string);
  }

  return {
    async ask(question, { isSecret = false } = {}) {
      if (isTerminal) stderr.write(`${question}: `);
      isShown = !isSecret;
      const answer = await nextLine();
      if (isTerminal && isSecret) stderr.write('\n');
      isShown = true;
      if (answer === undefined || answer === '')
        throw new CommandError('usage', `Nothing was given for: ${question}.`, {
          fix: 'Type it, or send it as a line of standard input.',
        });
      if (answer.length > answerLengthMax) throw new CommandError('usage', `This is too long for: ${question}.`);
      return answer;
    },
    close: () => reader?.close(),
  };
}
