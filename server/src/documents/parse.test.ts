import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../errors.ts';
import { readFixture } from './__fixtures__/read-fixture.ts';
import { createParser, type ParseLimits, type Parser } from './parse.ts';

const limits: ParseLimits = {
  timeoutMs: 30_000,
  memoryMiB: 256,
  pagesMax: 10,
  textCharactersMax: 1_000_000,
  concurrency: 1,
};
const never = new AbortController().signal;
const bytes = (text: string) => new TextEncoder().encode(text);

/** Keeps the HTML parser busy for a minute, its time being cubic in the depth, without being too deep for its stack. */
const slowPage = bytes(`${'<div>'.repeat(400)}x${'</div>'.repeat(400)}`.repeat(400));

const parsers: Parser[] = [];
function parserWith(changed: Partial<ParseLimits> = {}): Parser {
  const parser = createParser({ ...limits, ...changed });
  parsers.push(parser);
  return parser;
}

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(parsers.splice(0).map((parser) => parser.close()));
});

/** Ids of the running processes that parse. */
function parserProcesses(): number[] {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' '),
  );
  return children.filter((id) => id !== '' && commandOf(id).includes('parse-child')).map(Number);
}

function commandOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

async function onlyProcess(): Promise<number> {
  return vi.waitFor(() => {
    const [id, ...others] = parserProcesses();
    expect(others).toEqual([]);
    if (id === undefined) throw new Error('No process has started.');
    return id;
  }, 10_000);
}

describe('createParser', () => {
  it('reads every format in another process', async () => {
    const { parse } = parserWith();
    await expect(parse(bytes('Hello 😀'), 'text', never)).resolves.toEqual({
      title: null,
      text: 'Hello 😀',
      pages: [],
      headings: [],
    });
    await expect(parse(readFixture('guide.md'), 'markdown', never)).resolves.toMatchObject({ title: "Keeper's guide" });
    await expect(parse(readFixture('page.html'), 'html', never)).resolves.toMatchObject({
      title: expect.stringContaining('fog horn'),
    });
    const handbook = await parse(readFixture('handbook.pdf'), 'pdf', never);
    expect(handbook.pages).toHaveLength(4);
  });

  it('reads a part of a larger buffer and leaves it to its owner', async () => {
    const pdf = readFixture('handbook.pdf');
    const buffer = Buffer.concat([Buffer.from('before'), pdf, Buffer.from('behind')]);
    await parserWith().parse(buffer.subarray(6, 6 + pdf.length), 'pdf', never);
    expect(Buffer.compare(buffer.subarray(6, 6 + pdf.length), pdf)).toBe(0);
  });

  it('reports what is wrong with a document and reads the next one in the same process', async () => {
    const { parse } = parserWith();
    await expect(parse(new Uint8Array([0x41, 0xff]), 'text', never)).rejects.toMatchObject({
      name: 'AppError',
      code: 'document_unreadable',
      detail: 'Byte 1 (line 1) is not valid UTF-8. Save the file as UTF-8 and upload it again.',
    });
    const before = await onlyProcess();
    await expect(parse(bytes(' '), 'text', never)).rejects.toMatchObject({ code: 'document_empty' });
    await expect(parse(readFixture('handbook.pdf').slice(0, 900), 'pdf', never)).rejects.toBeInstanceOf(AppError);
    await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
    expect(await onlyProcess()).toBe(before);
  });

  it('shows the client no path and no message of a library', async () => {
    const { parse } = parserWith();
    for (const [file, format] of [
      [new Uint8Array([0x41, 0xff]), 'text'],
      [bytes('%PDF-1.7\n%%EOF'), 'pdf'],
      [bytes('<div>'.repeat(20_000)), 'html'],
    ] as const) {
      const error = await parse(file, format, never).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(AppError);
      expect((error as AppError).detail).not.toMatch(/\/|node:|Exception|at /);
    }
  });

  it('gives up on a document that takes too long, naming the limit, and reads the next one', async () => {
    const { parse } = parserWith({ timeoutMs: 2000 });
    await expect(parse(slowPage, 'html', never)).rejects.toMatchObject({
      code: 'document_too_complex',
      detail: expect.stringMatching(/2000 ms.*PARSE_TIMEOUT_MS/),
    });
    expect(parserProcesses()).toEqual([]);
    await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
  });

  it.each([
    ['the heap', () => bytes('<p>x'.repeat(1_000_000)), 'html'],
    ['memory outside of the heap', () => readFixture('bomb.pdf'), 'pdf'],
  ] as const)(
    'gives up on a document that fills %s, naming the limit, and reads the next one',
    async (_, file, format) => {
      const { parse } = parserWith({ memoryMiB: 64 });
      await expect(parse(file(), format, never)).rejects.toMatchObject({
        code: 'document_too_complex',
        detail: expect.stringMatching(/64 MiB.*PARSE_MEMORY_MIB/),
      });
      await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
    },
  );

  it('gives up on nesting that exhausts the stack', async () => {
    await expect(parserWith().parse(bytes('<b>'.repeat(20_000)), 'html', never)).rejects.toMatchObject({
      code: 'document_too_complex',
      detail: expect.stringContaining('nested'),
    });
  });

  it('calls it a passing failure when something else kills the process, and reads the next document', async () => {
    const { parse } = parserWith();
    const parsing = parse(slowPage, 'html', never);
    const failed = expect(parsing).rejects.toMatchObject({ code: 'dependency_unavailable' });
    process.kill(await startedProcess(), 'SIGKILL');
    await failed;
    await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
  });

  it('replaces a process that was killed while it had no work', async () => {
    const { parse } = parserWith({ timeoutMs: 5000 });
    await parse(bytes('x'), 'text', never);
    const id = await onlyProcess();
    process.kill(id, 'SIGKILL');
    await vi.waitFor(() => expect(existsSync(`/proc/${id}`)).toBe(false), 5000);
    await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
  });

  it.each(['/nowhere/node', ''])(
    'calls it a passing failure when no process can start (%j), and recovers',
    async (path) => {
      const { parse } = parserWith();
      const { execPath } = process;
      process.execPath = path;
      const failed = expect(parse(bytes('x'), 'text', never)).rejects.toMatchObject({ code: 'dependency_unavailable' });
      await failed.finally(() => {
        process.execPath = execPath;
      });
      await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
    },
  );

  it('stops at once when the caller aborts, with what the abort stands for', async () => {
    const { parse } = parserWith();
    const reasons = [
      [new AppError('request_timeout'), 'request_timeout'],
      [undefined, 'request_cancelled'],
    ] as const;
    for (const [reason, code] of reasons) {
      const controller = new AbortController();
      const failed = expect(parse(slowPage, 'html', controller.signal)).rejects.toMatchObject({ code });
      await startedProcess();
      controller.abort(reason);
      await failed;
      expect(parserProcesses()).toEqual([]);
      await expect(parse(bytes('late'), 'text', controller.signal)).rejects.toMatchObject({ code });
    }
    expect(parserProcesses()).toEqual([]);
  });

  it('runs no more processes than allowed', async () => {
    const { parse } = parserWith({ concurrency: 2 });
    const counts = await Promise.all(
      Array.from({ length: 12 }, async (_, number) => {
        await parse(bytes(`document ${number}`), 'text', never);
        return parserProcesses().length;
      }),
    );
    expect(Math.max(...counts)).toBe(2);
  });

  it('serves those who wait in the order in which they came', async () => {
    const { parse } = parserWith();
    const served: number[] = [];
    const numbers = Array.from({ length: 12 }, (_, number) => number);
    await Promise.all(
      numbers.map(async (number) => {
        await parse(bytes(`document ${number}`), 'text', never);
        served.push(number);
      }),
    );
    expect(served).toEqual(numbers);
  });

  it('lets who waits leave, and refuses more than can wait', async () => {
    const { parse } = parserWith();
    const leaving = new AbortController();
    const first = parse(slowPage, 'html', leaving.signal);
    const waiting = Array.from({ length: 100 }, () => parse(bytes('x'), 'text', leaving.signal));
    const settled = Promise.allSettled([first, ...waiting]);
    await expect(parse(bytes('x'), 'text', never)).rejects.toMatchObject({ code: 'dependency_unavailable' });
    leaving.abort();
    for (const result of await settled) expect(result).toMatchObject({ reason: { code: 'request_cancelled' } });
    await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
  });

  it('fails what is being parsed and what waits when it is closed, and leaves no process behind', async () => {
    const parser = parserWith();
    const results = Promise.allSettled([
      parser.parse(slowPage, 'html', never),
      parser.parse(bytes('x'), 'text', never),
    ]);
    await startedProcess();
    await parser.close();
    expect(parserProcesses()).toEqual([]);
    for (const result of await results) expect(result).toMatchObject({ reason: { code: 'server_draining' } });
    await expect(parser.parse(bytes('x'), 'text', never)).rejects.toMatchObject({ code: 'server_draining' });
  });

  it('replaces a process after 50 documents', async () => {
    const { parse } = parserWith();
    const seen = new Set<number>();
    for (let number = 0; number < 51; number += 1) {
      await parse(bytes('x'), 'text', never);
      for (const id of parserProcesses()) seen.add(id);
    }
    expect(seen.size).toBe(2);
  });

  it('ends a process that has had no work for ten seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await parserWith().parse(bytes('x'), 'text', never);
    vi.advanceTimersByTime(9_999);
    expect(parserProcesses()).toHaveLength(1);
    vi.advanceTimersByTime(1);
    vi.useRealTimers();
    await vi.waitFor(() => expect(parserProcesses()).toEqual([]), 5000);
  });

  it('gives the process no environment, and no file but the program itself', async () => {
    await parserWith().parse(bytes('x'), 'text', never);
    const id = await onlyProcess();
    const names = readFileSync(`/proc/${id}/environ`, 'utf8')
      .split('\0')
      .map((entry) => entry.split('=')[0]);
    expect(names.filter((name) => name && !name.startsWith('NODE_CHANNEL_'))).toEqual([]);
    const command = readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0');
    expect(command).toContain('--permission');
    const readable = command.flatMap((word) => /^--allow-fs-read=(.*)$/.exec(word)?.[1] ?? []);
    for (const folder of readable) expect(folder).toMatch(/\/(server\/src|node_modules)\/$/);
    expect(command.filter((word) => /^--allow-(?!fs-read)/.test(word))).toEqual([]);
  });

  it('outlives signals to the process group, which are for the server to answer', async () => {
    const { parse } = parserWith();
    await parse(bytes('x'), 'text', never);
    const id = await onlyProcess();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(id, signal);
    await expect(parse(bytes('fine'), 'text', never)).resolves.toMatchObject({ text: 'fine' });
    expect(await onlyProcess()).toBe(id);
  });
});

/** Waits until the one process has begun to work. */
async function startedProcess(): Promise<number> {
  const id = await onlyProcess();
  await vi.waitFor(() => expect(cpuTicksOf(id)).toBeGreaterThan(20), 10_000);
  return id;
}

/** CPU time, in hundredths of a second, that a process has used. */
function cpuTicksOf(id: number): number {
  const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
