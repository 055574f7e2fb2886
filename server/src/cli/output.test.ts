import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createOutput, printable, tableText } from './output.ts';

/** An output with what it wrote. */
function recorded(isJson: boolean) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = createOutput({ stdout, stderr }, () => isJson);
  return { output, stdout: () => String(stdout.read() ?? ''), stderr: () => String(stderr.read() ?? '') };
}

describe('output', () => {
  it('prints results to standard output and everything else to standard error', () => {
    const { output, stdout, stderr } = recorded(false);
    output.result({ id: 1 }, () => 'text\n');
    output.piece('piece');
    output.note('note');
    output.failure({ exit: 'usage', code: 'usage', message: 'wrong', fix: 'Do this.', requestId: 'req_1' });
    expect(stdout()).toBe('text\npiece');
    expect(stderr()).toBe('note\ngenai: wrong\n  fix: Do this.\n  request: req_1\n');
  });

  it('prints results and failures as one line of JSON each with --json', () => {
    const { output, stdout, stderr } = recorded(true);
    output.result({ a: 'x\ny' }, () => 'text');
    output.failure({ exit: 'authentication', code: 'permission_denied', message: 'no', requestId: 'req_1' });
    expect(stdout()).toBe('{"a":"x\\ny"}\n');
    expect(JSON.parse(stderr())).toEqual({
      error: { code: 'permission_denied', message: 'no', request_id: 'req_1', exit_code: 4 },
    });
  });

  it('tells people when a list goes on, and leaves the cursor in the JSON', () => {
    const page = { data: [1], next_cursor: 'c' };
    const [text, json] = [recorded(false), recorded(true)];
    text.output.page(page, () => '1\n');
    json.output.page(page, () => '1\n');
    expect([text.stdout(), text.stderr()]).toEqual(['1\n', 'There is more; see --limit.\n']);
    expect(JSON.parse(json.stdout())).toEqual(page);
  });

  it('lets no text from elsewhere steer the terminal', () => {
    const hostile = 'a\u001b[2Jb\u001b]0;title\u0007c\rd\u0008e\u009b31mf\u202eg\u2066h';
    expect(printable(hostile)).toBe('abcdefgh');
    const { output, stdout, stderr } = recorded(false);
    output.result({}, () => hostile);
    output.piece(hostile);
    output.note(hostile);
    output.failure({ exit: 'usage', code: hostile, message: hostile, fix: hostile, requestId: hostile });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout() + stderr()).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it('keeps line breaks, tabs and every script', () => {
    expect(printable('ä\n\t世界 👩‍👩‍👧 שלום')).toBe('ä\n\t世界 👩‍👩‍👧 שלום');
  });
});

describe('a table', () => {
  it('has columns as wide as their widest cell and one line per row', () => {
    expect(
      tableText(
        ['ID', 'NAME'],
        [
          ['a', 'two\nlines'],
          ['longer', null],
        ],
      ),
    ).toBe('ID      NAME\na       two lines\nlonger  -\n');
  });

  it('says so when it is empty', () => {
    expect(tableText(['ID'], [])).toBe('none\n');
  });
});
