/**
 * The main job from outside: upload, ask, read a cited answer, and see that it was authorised, charged and audited. The same
 * suite on every database, and with quoted and with generated answers.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { testDatabases } from './support/database.ts';
import { startUpstream, type Upstream } from './support/upstream/index.ts';

interface WireCitation {
  readonly document_id: string;
  readonly title: string;
  readonly page: number | null;
  readonly start: number;
  readonly end: number;
  readonly quote: string;
  readonly classification: string;
}

interface WireAnswer {
  readonly request_id: string;
  readonly answer: string;
  readonly citations: readonly WireCitation[];
  readonly model: string;
  readonly degraded: boolean;
  readonly cost: { readonly nano_usd: string };
}

const answerers = ['extractive', 'openai-compatible'] as const;
const runs = testDatabases.flatMap((database) =>
  answerers.map((answerer) => ({ database, answerer, name: `${database.name}, ${answerer}` })),
);

describe.each(runs)('the main job on $name', ({ database, answerer }) => {
  let upstream: Upstream;
  let server: TestApp;

  beforeAll(async () => {
    upstream = await startUpstream();
    const model = { OPENAI_BASE_URL: upstream.baseUrl, OPENAI_API_KEY: 'test-key', LLM_MODEL: 'test-answer' };
    server = await startTestApp(database, answerer === 'extractive' ? {} : model);
  }, 120_000);
  afterAll(async () => {
    await server?.close();
    await upstream?.close();
  });

  const ask = async (as: Parameters<TestApp['user']>, question: string, extra: object = {}) => {
    const reply = await server.call(server.user(...as), 'POST', '/api/query', { question, ...extra });
    return { status: reply.status, answer: reply.body as unknown as WireAnswer };
  };

  /** Every quote must be the text of its document at the place it names. */
  async function expectFaithful(as: Parameters<TestApp['user']>, citations: readonly WireCitation[]): Promise<void> {
    expect(citations.length).toBeGreaterThan(0);
    for (const { document_id: id, start, end, quote } of citations) {
      const { body } = await server.call(server.user(...as), 'GET', `/api/documents/${id}/text`);
      expect(
        Array.from(body['text'] as string)
          .slice(start, end)
          .join(''),
      ).toBe(quote);
    }
  }

  it('answers from the documents with citations that stand where they say', async () => {
    const { status, answer } = await ask(
      ['acme', 'analyst'],
      'How many days of paid annual leave does an employee have?',
    );
    expect(status).toBe(200);
    expect(answer.answer).toContain('28 days');
    expect(answer.model).toBe(answerer === 'extractive' ? 'extractive' : 'test-answer');
    expect(answer.degraded).toBe(false);
    await expectFaithful(['acme', 'analyst'], answer.citations);
  });

  it('says so when the documents hold no answer', async () => {
    const { status, answer } = await ask(['globex', 'viewer'], 'Zxqv wobbly quasar fjord?');
    expect(status).toBe(200);
    if (answerer === 'extractive')
      expect(answer).toMatchObject({ citations: [], answer: expect.stringContaining('Nothing in the documents') });
  });

  it('never shows what is above the clearance, nor another tenant’s documents', async () => {
    const question = 'What is the highest offer in Project Lighthouse for Northwind Instruments?';
    const admin = await ask(['acme', 'admin'], question);
    // The test model quotes the first passage it is given, whichever that is.
    if (answerer === 'extractive') {
      expect(admin.answer.citations.map(({ classification }) => classification)).toContain('restricted');
    }
    for (const as of [
      ['acme', 'viewer'],
      ['acme', 'analyst'],
      ['globex', 'admin'],
    ] as const) {
      const { answer } = await ask([...as], question);
      expect(JSON.stringify(answer)).not.toMatch(/Lighthouse.*18 million|18 million/);
      expect(answer.citations.every(({ classification }) => classification !== 'restricted')).toBe(true);
    }
  });

  it('streams the answer as events that add up to the whole', async () => {
    const reply = await server.call(server.user('acme', 'analyst'), 'POST', '/api/query', {
      question: 'How long does the battery of the Aurora sensor last?',
      stream: true,
    });
    expect(reply.headers.get('content-type')).toContain('text/event-stream');
    const events = [...reply.text.matchAll(/^event: (\w+)\ndata: (.+)$/gm)].map(([, name, data]) => ({
      name,
      data: JSON.parse(data ?? ''),
    }));
    expect(events[0]?.name).toBe('retrieval');
    const done = events.at(-1);
    expect(done?.name).toBe('done');
    const tokens = events
      .filter(({ name }) => name === 'token')
      .map(({ data }) => data.text)
      .join('');
    expect(done?.data.answer).toBe(tokens);
    expect(tokens).toContain(answerer === 'extractive' ? '36 months' : '[1]');
    expect(events.filter(({ name }) => name === 'citation').map(({ data }) => data)).toEqual(done?.data.citations);
  });

  it('takes an upload, indexes it and answers from it', async () => {
    const form = new FormData();
    form.append(
      'file',
      new Blob(['# Parking\n\nThe green gate of the car park closes at 21:45 every evening.\n']),
      'parking.md',
    );
    form.append('classification', 'public');
    const upload = await server.call(server.user('acme', 'analyst'), 'POST', '/api/documents', form);
    expect(upload.status).toBe(202);
    const id = upload.body['id'] as string;
    await expect
      .poll(
        async () => (await server.call(server.user('acme', 'analyst'), 'GET', `/api/documents/${id}`)).body['status'],
        { timeout: 20_000, interval: 50 },
      )
      .toBe('indexed');
    const { answer } = await ask(['acme', 'viewer'], 'When does the green gate of the car park close?');
    expect(answer.answer).toContain('21:45');
    expect(answer.citations[0]?.document_id).toBe(id);
  });

  it('charges and audits each answer once', async () => {
    const { answer } = await ask(['acme', 'admin'], 'When are lost laptops wiped?');
    await expect
      .poll(async () => {
        const { body } = await server.call(server.user('acme', 'admin'), 'GET', '/api/audit?limit=100');
        const entries = body['data'] as { event: { action: string; request_id?: string } }[];
        return entries.filter(({ event }) => event.request_id === answer.request_id).map(({ event }) => event.action);
      })
      .toEqual(['query.answered']);
    const { body } = await server.call(server.user('acme', 'admin'), 'GET', '/api/usage?group_by=model');
    const rows = body['data'] as { key: string; requests: number; cost: { nano_usd: string } }[];
    const row = rows.find(({ key }) => key === answer.model);
    expect(row?.requests).toBeGreaterThan(0);
    if (answerer === 'extractive') expect(answer.cost.nano_usd).toBe('0');
    else expect(BigInt(answer.cost.nano_usd)).toBeGreaterThan(0n);
  });

  it('answers a foreign id exactly like one that does not exist', async () => {
    const { body } = await server.call(server.user('globex', 'admin'), 'GET', '/api/documents?limit=1');
    const foreign = (body['data'] as { id: string }[])[0]?.id ?? '';
    const absent = `${foreign.slice(0, -4)}0000`;
    const strip = (text: string, id: string) => text.replaceAll(id, 'ID').replace(/req_[0-9a-f]+/g, 'REQ');
    for (const [method, suffix] of [
      ['GET', ''],
      ['GET', '/text'],
      ['GET', '/content'],
      ['DELETE', ''],
    ] as const) {
      const [a, b] = await Promise.all(
        [foreign, absent].map((id) =>
          server.call(server.user('acme', 'admin'), method, `/api/documents/${id}${suffix}`),
        ),
      );
      expect(a?.status).toBe(404);
      expect(strip(a?.text ?? '', foreign)).toBe(strip(b?.text ?? '', absent));
    }
    expect((await server.call(server.user('globex', 'admin'), 'GET', `/api/documents/${foreign}`)).status).toBe(200);
  });

  it('keeps questions, answers and documents out of the log', () => {
    const log = server.logLines().join('\n');
    expect(log).not.toMatch(/annual leave|28 days|green gate|Lighthouse/);
  });
});
