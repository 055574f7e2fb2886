import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeApi, type FakeRequest, sendJson, sendProblem, startFakeApi } from '../../test/support/fake-api.ts';
import { createApi } from './api-client.ts';
import { ApiError } from './failures.ts';
import { uploadFiles } from './upload.ts';

let folder: string;
let fake: FakeApi;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'genai-upload-'));
});
afterEach(async () => {
  await fake.close();
  rmSync(folder, { recursive: true, force: true });
});

const nameIn = ({ body }: FakeRequest) => /filename="([^"]+)"/.exec(body)?.[1] ?? '';
const view = (id: string, status: string, error: object | null = null) => ({ id, status, error });

/** Uploads files named by what the fake server shall do with them. */
async function upload(
  names: readonly string[],
  answer: (request: FakeRequest, response: ServerResponse) => void | Promise<void>,
  concurrency = 2,
) {
  fake = await startFakeApi(answer);
  for (const name of names) writeFileSync(join(folder, name), `content of ${name}`);
  const seen: string[] = [];
  const outcomes = await uploadFiles(
    names.map((path) => ({ path, sizeBytes: 1 })),
    {
      api: createApi({ url: fake.url, key: 'k' }, 5000),
      folder,
      labels: { collection: 'general', classification: undefined },
      concurrency,
      onUploaded: (path) => seen.push(`uploaded ${path}`),
      onFinal: (path) => seen.push(`final ${path}`),
    },
  );
  return { outcomes, seen };
}

describe('uploading files', () => {
  it('follows each document to its final state and tells what became of it, in the order of the files', async () => {
    const looks = new Map<string, number>();
    const { outcomes, seen } = await upload(['known.md', 'new.md', 'broken.md'], (request, response) => {
      if (request.method === 'POST') {
        const id = nameIn(request);
        return sendJson(response, 202, view(id, id === 'known.md' ? 'indexed' : 'uploaded'));
      }
      const id = request.path.split('/').at(-1) ?? '';
      looks.set(id, (looks.get(id) ?? 0) + 1);
      if (looks.get(id) === 1) return sendJson(response, 200, view(id, 'embedding'));
      const error = { code: 'document_unreadable', detail: 'No.' };
      return sendJson(response, 200, id === 'new.md' ? view(id, 'indexed') : view(id, 'failed', error));
    });
    expect(outcomes).toEqual([
      { path: 'known.md', status: 'unchanged', document_id: 'known.md', error: null },
      { path: 'new.md', status: 'indexed', document_id: 'new.md', error: null },
      {
        path: 'broken.md',
        status: 'failed',
        document_id: 'broken.md',
        error: { code: 'document_unreadable', detail: 'No.' },
      },
    ]);
    expect(seen.filter((word) => word.startsWith('final'))).toEqual([
      'final known.md',
      'final new.md',
      'final broken.md',
    ]);
  });

  it('sends the labels before the file, and no label that was not given', async () => {
    await upload(['a.md'], (_request, response) => sendJson(response, 202, view('a', 'indexed')));
    expect(fake.requests[0]?.body.match(/ name="\w+"/g)).toEqual([' name="collection"', ' name="file"']);
    expect(fake.requests[0]?.body).toContain('content of a.md');
  });

  it('goes on after a file that the server refuses or stumbles over', async () => {
    const { outcomes } = await upload(['big.md', 'crash.md', 'good.md'], (request, response) => {
      const name = nameIn(request);
      if (name === 'big.md') return sendProblem(response, 413, 'body_too_large');
      if (name === 'crash.md') return sendProblem(response, 500, 'internal_error');
      return sendJson(response, 202, view('good', 'indexed'));
    });
    expect(outcomes.map(({ status, error }) => [status, error?.code])).toEqual([
      ['failed', 'body_too_large'],
      ['failed', 'internal_error'],
      ['unchanged', undefined],
    ]);
  });

  it('goes on after a file that cannot be read', async () => {
    fake = await startFakeApi((_request, response) => sendJson(response, 202, view('x', 'indexed')));
    const outcomes = await uploadFiles([{ path: 'gone.md', sizeBytes: 1 }], {
      api: createApi({ url: fake.url, key: 'k' }, 5000),
      folder,
      labels: { collection: undefined, classification: undefined },
      concurrency: 1,
      onUploaded: () => {},
      onFinal: () => {},
    });
    expect(outcomes).toMatchObject([{ path: 'gone.md', status: 'failed', error: { code: 'file_unreadable' } }]);
    expect(fake.requests).toEqual([]);
  });

  it('ends when the server refuses the credential, and begins nothing new', async () => {
    const release = Promise.withResolvers<void>();
    const refused = upload(['1.md', '2.md', '3.md', '4.md'], async (request, response) => {
      if (nameIn(request) === '1.md') return sendProblem(response, 401, 'authentication_required');
      if (nameIn(request) === '2.md') await release.promise;
      sendJson(response, 202, view('x', 'indexed'));
    });
    await expect(refused).rejects.toThrow(ApiError);
    release.resolve();
    // Whatever the other upload would begin now comes before the last of these.
    for (let round = 0; round < 5; round += 1) await fetch(`${fake.url}/round`);
    expect(fake.requests.map(nameIn).filter(Boolean)).toEqual(expect.not.arrayContaining(['3.md']));
  });

  it('waits as long as a busy server asks, and then tries again', async () => {
    let refusals = 0;
    const { outcomes } = await upload(['a.md'], (_request, response) =>
      ++refusals <= 3
        ? sendProblem(response, 429, 'rate_limit_exceeded', { 'retry-after-ms': '1' })
        : sendJson(response, 202, view('a', 'indexed')),
    );
    expect(outcomes).toMatchObject([{ status: 'unchanged' }]);
    expect(refusals).toBe(4);
  });

  it('does not wait where waiting would not help: an exhausted budget ends the run', async () => {
    const refused = upload(['a.md'], (_request, response) => sendProblem(response, 429, 'insufficient_quota'));
    await expect(refused).rejects.toMatchObject({ problem: { code: 'insufficient_quota' } });
    expect(fake.requests).toHaveLength(1);
  });

  it('has as many uploads under way as asked for, and no more', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    await upload(
      ['1.md', '2.md', '3.md', '4.md', '5.md', '6.md'],
      async (request, response) => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          most = Math.max(most, waiting.length);
          // Released once the third is there: fewer at once would wait for ever.
          if (waiting.length === 3) for (const release of waiting.splice(0)) release();
        });
        sendJson(response, 202, view(nameIn(request), 'indexed'));
      },
      3,
    );
    expect(most).toBe(3);
  });
});
