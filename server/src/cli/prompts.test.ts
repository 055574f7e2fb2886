import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createPrompts, type Prompts } from './prompts.ts';

let prompts: Prompts | undefined;
afterEach(() => prompts?.close());

function surroundings(isTTY: boolean) {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const stderr = new PassThrough();
  let shown = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  prompts = createPrompts({ stdin, stderr });
  return { stdin, prompts, shown: () => shown };
}

describe('a question', () => {
  it('at a terminal shows itself, and what is typed unless that is secret', async () => {
    const { stdin, prompts: asking, shown } = surroundings(true);
    const password = asking.ask('Password', { isSecret: true });
    stdin.write('horse staple\r');
    expect(await password).toBe('horse staple');
    const code = asking.ask('Code');
    stdin.write('123456\r');
    expect(await code).toBe('123456');
    expect(shown()).toContain('Password: ');
    expect(shown()).toContain('Code: ');
    expect(shown()).toContain('123456');
    expect(shown()).not.toContain('horse');
  });

  it('in a script takes one line of standard input each, silently', async () => {
    const { stdin, prompts: asking, shown } = surroundings(false);
    stdin.end('horse staple \r\n123456');
    expect(await asking.ask('Password', { isSecret: true })).toBe('horse staple ');
    expect(await asking.ask('Code')).toBe('123456');
    expect(shown()).toBe('');
    await expect(asking.ask('More')).rejects.toThrow('Nothing was given for: More.');
  });

  it('takes no empty and no endless answer', async () => {
    const { stdin, prompts: asking } = surroundings(false);
    stdin.end(`\n${'x'.repeat(1025)}\n`);
    await expect(asking.ask('Password')).rejects.toThrow('Nothing was given');
    await expect(asking.ask('Password')).rejects.toThrow('too long');
  });
});
