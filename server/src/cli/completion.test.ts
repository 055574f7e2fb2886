import { execFileSync } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { completionScript } from './completion.ts';
import { createProgram } from './program.ts';

const { program } = createProgram({ stdout: new PassThrough(), stderr: new PassThrough(), stdin: Readable.from([]) });

/** What bash offers when Tab is pressed at the end of a line. */
function completionsOf(line: string): string[] {
  const words = line.split(' ');
  const script = `${completionScript(program, 'bash')}
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
    _genai; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-uc', script], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

describe('completion in bash', () => {
  it('offers every command, and those of a group', () => {
    expect(completionsOf('genai ')).toEqual(expect.arrayContaining(['ask', 'ingest', 'up', 'keys', '--json']));
    expect(completionsOf('genai keys ')).toEqual(expect.arrayContaining(['list', 'create', 'revoke', 'new-key-file']));
    expect(completionsOf('genai re')).toEqual(['restore']);
  });

  it('offers the options of the command, wherever options stand before it', () => {
    expect(completionsOf('genai --json users create a@b.example --r')).toEqual(['--role']);
    expect(completionsOf('genai ask --col')).toEqual(['--collection']);
  });

  it('offers the values of an option that has a fixed set', () => {
    expect(completionsOf('genai ingest . --classification ')).toEqual([
      'public',
      'internal',
      'confidential',
      'restricted',
    ]);
    expect(completionsOf('genai tenants update x --tier e')).toEqual(['enterprise']);
  });

  it('leaves everything else to file names', () => {
    expect(completionsOf('genai ingest ./do')).toEqual([]);
  });
});

describe('completion in zsh and fish', () => {
  it('knows every command and option', () => {
    const [zsh, fish] = [completionScript(program, 'zsh'), completionScript(program, 'fish')];
    expect(zsh).toContain("'keys') words_here='list create revoke new-key-file");
    expect(zsh).toContain("--classification) words_here='public internal confidential restricted'");
    expect(fish).toContain(
      "complete -c genai -f -n '__genai_at \"keys\"' -a revoke -d 'revoke an API key; it stops at once'",
    );
    expect(fish).toMatch(/__genai_at "ingest"' -l classification -r -f -a 'public internal confidential restricted'/);
  });
});
