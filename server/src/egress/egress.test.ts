import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopbackSettings, testEgress } from '../../test/support/egress.ts';

/** What the TEST server does on each path. */
const behaviours: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/hello': (_, response) => response.setHeader('set-cookie', 'a=1').end('hello'),
  '/echo': async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request)).toString();
    response.end(JSON.stringify({ method: request.method, headers: request.headers, body }));
  },
  '/json': (_, response) => response.end('{"a":1}'),
  '/gone': (_, response) => response.writeHead(410).end('gone'),
  '/empty': (_, response) => response.writeHead(204).end(),
  '/loop': (_, response) => response.writeHead(302, { location: '/loop' }).end(),
  '/nowhere': (_, response) => response.writeHead(302).end(),
  '/twice': (_, response) => response.writeHead(302, ['location', '/hello', 'location', '/json']).end(),
  '/inside': (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:22/' }).end(),
  '/bent': (_, response) => response.writeHead(302, { location: '/\\hello' }).end(),
  '/endless': (_, response) => {
    const write = () => {
      if (!response.destroyed) response.write(Buffer.alloc(16_384), () => setImmediate(write));
    };
    write();
  },
  '/announced': (_, response) => response.writeHead(200, { 'content-length': '1000000' }).flushHeaders(),
  '/silent': () => {},
  '/pause': (_, response) => void response.write('one'),
  '/heads': (_, response) => response.writeHead(200, { long: 'x'.repeat(20_000) }).end(),
  '/gzip': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed')),
  '/br': (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('packed')),
  '/deflate': (_, response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync('packed')),
  '/nested': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(),
  '/cut': (_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed').subarray(0, 9)),
  '/bomb': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(4e6))),
};

let server: Server;
/** Another origin on another port. */
let other: Server;
let connections = 0;

async function listen(): Promise<Server> {
  const made = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://test');
    const [status, to] = [Number(searchParams.get('status')), searchParams.get('to')];
    if (to !== null) response.writeHead(status, { location: to }).end('moved');
    else if (behaviours[pathname] === undefined) response.writeHead(404).end();
    else behaviours[pathname](request, response);
  });
  made.on('connection', () => {
    connections += 1;
  });
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  return made;
}

const portOf = (of: Server) => (of.address() as AddressInfo).port;
const at = (path: string, of = server) => `http://127.0.0.1:${portOf(of)}${path}`;
const redirect = (status: number, to: string) => at(`/?status=${status}&to=${encodeURIComponent(to)}`);
const signal = new AbortController().signal;
const egress = testEgress(loopbackSettings);
const get = async (path: string) => (await egress.request(at(path), { signal })).text();

beforeAll(async () => {
  server = await listen();
  other = await listen();
});
afterAll(() => {
  for (const each of [server, other]) {
    each.closeAllConnections();
    each.close();
  }
});

describe('an answer', () => {
  it('arrives with its status, its headers without cookies, and its body', async () => {
    const answer = await egress.request(at('/hello'), { signal });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(await answer.text()).toBe('hello');
    expect(await (await egress.request(at('/json'), { signal })).json()).toEqual({ a: 1 });
    const gone = await egress.request(at('/gone'), { signal });
    expect([gone.status, await gone.text()]).toEqual([410, 'gone']);
  });

  it('that is not JSON is refused as such', async () => {
    const answer = await egress.request(at('/hello'), { signal });
    await expect(answer.json()).rejects.toMatchObject({ code: 'egress_rejected', detail: 'Its answer is not JSON.' });
  });

  it.each(['/gzip', '/br'])('is decompressed: %s', async (path) => {
    const { headers, text } = await egress.request(at(path), { signal });
    expect(headers).not.toHaveProperty('content-encoding');
    expect(await text()).toBe('packed');
  });

  it.each(['/deflate', '/nested'])('compressed in another way is refused: %s', async (path) => {
    await expect(get(path)).rejects.toMatchObject({ rule: 'answer_encoding' });
  });

  it('that ends too early is a failure', async () => {
    await expect(get('/cut')).rejects.toMatchObject({ code: 'egress_unavailable' });
  });
});

describe('limits', () => {
  it.each([
    ['/endless', 'answer_bytes'],
    ['/announced', 'answer_bytes'],
    ['/heads', 'answer_headers'],
    ['/bomb', 'answer_ratio'],
  ])('refuse the answer of %s by the rule %s', async (path, rule) => {
    const { request } = testEgress({
      ...loopbackSettings,
      EGRESS_RESPONSE_BYTES_MAX: path === '/bomb' ? '' : '100000',
    });
    const read = async () => (await request(at(path), { signal })).text();
    await expect(read()).rejects.toMatchObject({ rule, code: 'egress_rejected' });
  });

  it('of the caller hold below those of the settings, never above', async () => {
    const { request } = testEgress({ ...loopbackSettings, EGRESS_RESPONSE_BYTES_MAX: '100000' });
    const read = async (bytesMax: number) => (await request(at('/endless'), { signal, bytesMax })).body;
    const bytesOf = async (bytesMax: number) => {
      let bytes = 0;
      const count = async () => {
        for await (const chunk of await read(bytesMax)) bytes += chunk.length;
      };
      await expect(count()).rejects.toMatchObject({ rule: 'answer_bytes' });
      return bytes;
    };
    expect(await bytesOf(50_000)).toBeLessThanOrEqual(50_000);
    expect(await bytesOf(1e9)).toBeLessThanOrEqual(100_000);
  });

  it.each([
    ['/silent', 'EGRESS_TIMEOUT_MS', 'It did not finish its answer within 300 ms.'],
    ['/pause', 'EGRESS_TIMEOUT_MS', 'It did not finish its answer within 300 ms.'],
    ['/pause', 'EGRESS_IDLE_TIMEOUT_MS', 'It fell silent in the middle of its answer.'],
  ])('end %s after %s', async (path, setting, detail) => {
    const { request } = testEgress({ ...loopbackSettings, [setting]: '300' });
    const startedMs = performance.now();
    const read = async () => (await request(at(path), { signal })).text();
    await expect(read()).rejects.toMatchObject({ code: 'egress_unavailable', detail });
    expect(performance.now() - startedMs).toBeLessThan(3000);
  });

  it('end a call whose answer nobody reads, and its place is free again', async () => {
    const { request } = testEgress({ ...loopbackSettings, EGRESS_CONNECTIONS_MAX: '1', EGRESS_TIMEOUT_MS: '300' });
    await request(at('/pause'), { signal });
    const again = () => request(at('/hello'), { signal }).then(({ text }) => text());
    await expect(again()).rejects.toMatchObject({ detail: 'Too many calls to other servers are under way.' });
    await expect.poll(() => again().catch(() => undefined)).toBe('hello');
    expect(await again()).toBe('hello');
  });

  it('give the place back whatever becomes of a call', async () => {
    const { request } = testEgress({ ...loopbackSettings, EGRESS_CONNECTIONS_MAX: '1' });
    for (const path of ['/loop', '/nested', '/nowhere', '/heads']) {
      await expect(request(at(path), { signal })).rejects.toMatchObject({ code: 'egress_rejected' });
    }
    for await (const _ of (await request(at('/hello'), { signal })).body) break;
    expect(await (await request(at('/hello'), { signal })).text()).toBe('hello');
  });

  it('let the caller end a call at once', async () => {
    const aborting = AbortSignal.timeout(50);
    await expect(egress.request(at('/silent'), { signal: aborting })).rejects.toMatchObject({
      code: 'request_timeout',
    });
    const aborted = AbortSignal.abort();
    const before = connections;
    await expect(egress.request(at('/hello'), { signal: aborted })).rejects.toMatchObject({
      code: 'request_cancelled',
    });
    expect(connections).toBe(before);
  });
});

describe('a redirect', () => {
  const credentials = {
    authorization: 'Bearer secret',
    cookie: 'a=secret',
    'x-api-key': 'secret',
    accept: 'text/plain',
  };

  it.each([301, 302, 303, 307, 308])('of status %d is followed', async (status) => {
    const answer = await egress.request(redirect(status, '/hello'), { signal });
    expect([answer.url, await answer.text()]).toEqual([at('/hello'), 'hello']);
  });

  it('within the origin keeps the credentials', async () => {
    const answer = await egress.request(redirect(302, '/echo'), { signal, headers: credentials });
    expect(await answer.json()).toMatchObject({ headers: credentials });
  });

  it('to another origin loses all credentials, whatever their name', async () => {
    const answer = await egress.request(redirect(302, at('/echo', other)), { signal, headers: credentials });
    const text = await answer.text();
    expect(text).not.toContain('secret');
    expect(JSON.parse(text)).toMatchObject({ headers: { accept: 'text/plain', 'user-agent': 'genai-platform' } });
  });

  it('turns a POST into a GET where browsers do, and sends its body again where they do', async () => {
    const post = { signal, method: 'POST', body: 'content', headers: { 'content-type': 'text/plain' } };
    const seen = async (status: number) => (await egress.request(redirect(status, '/echo'), post)).json();
    for (const status of [301, 302, 303]) expect(await seen(status)).toMatchObject({ method: 'GET', body: '' });
    for (const status of [307, 308]) expect(await seen(status)).toMatchObject({ method: 'POST', body: 'content' });
  });

  it('never takes a body to another origin', async () => {
    const post = { signal, method: 'POST', body: 'client_secret=secret' };
    const call = egress.request(redirect(307, at('/echo', other)), post);
    await expect(call).rejects.toMatchObject({ rule: 'redirect_body' });
  });

  it.each([
    ['/loop', 'redirect_count'],
    ['/nowhere', 'redirect_location'],
    ['/twice', 'redirect_location'],
    ['/bent', 'redirect_location'],
    ['/inside', 'port'],
  ])('as %s gives is refused by the rule %s', async (path, rule) => {
    await expect(get(path)).rejects.toMatchObject({ rule });
  });

  it('is handed over or refused when the caller says so', async () => {
    const manual = await egress.request(redirect(302, '/hello'), { signal, redirect: 'manual' });
    expect([manual.status, manual.headers['location']]).toEqual([302, '/hello']);
    const refused = egress.request(redirect(302, '/hello'), { signal, redirect: 'error' });
    await expect(refused).rejects.toMatchObject({ rule: 'redirect' });
  });
});

describe('a request', () => {
  it.each(['host', 'Transfer-Encoding', 'content-length', 'connection', 'proxy-authorization', 'a b', 'x-a\r\nx-b'])(
    'cannot set the header %j',
    async (name) => {
      const call = egress.request(at('/echo'), { signal, headers: { [name]: 'a' } });
      await expect(call).rejects.toMatchObject({ rule: 'header' });
    },
  );

  it('cannot smuggle lines in values, nor use methods that open tunnels', async () => {
    const call = (more: object) => egress.request(at('/echo'), { signal, ...more });
    await expect(call({ headers: { a: 'b\r\nhost: c' } })).rejects.toMatchObject({ rule: 'header' });
    await expect(call({ method: 'CONNECT' })).rejects.toMatchObject({ rule: 'method' });
  });

  it('has a connection of its own', async () => {
    const before = connections;
    for (let round = 0; round < 3; round += 1) await get('/hello');
    expect(connections - before).toBe(3);
  });

  it('says how it ended, and which rule refused it', async () => {
    const outcomes: unknown[] = [];
    const { request } = testEgress(loopbackSettings, { onOutcome: (outcome) => outcomes.push(outcome) });
    await (await request(at('/hello'), { signal })).text();
    await request('http://[2001:db8::1]/', { signal }).catch(() => {});
    await request('http://127.0.0.1:1024/', { signal }).catch(() => {});
    expect(outcomes).toEqual([
      { outcome: 'answered', rule: 'none' },
      { outcome: 'refused', rule: 'address' },
      { outcome: 'failed', rule: 'none' },
    ]);
  });
});

describe('fetch', () => {
  it('behaves as the standard says for what libraries of identity providers use', async () => {
    const body = new URLSearchParams({ grant_type: 'authorization_code' });
    const headers = new Headers({ authorization: 'Basic abc' });
    const response = await egress.fetch(new URL(at('/echo')), { method: 'POST', body, headers, redirect: 'manual' });
    expect(response).toBeInstanceOf(Response);
    expect([response.ok, response.url]).toEqual([true, at('/echo')]);
    expect(await response.json()).toMatchObject({
      method: 'POST',
      body: 'grant_type=authorization_code',
      headers: { authorization: 'Basic abc', 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
    });
    expect((await egress.fetch(at('/empty'))).status).toBe(204);
    expect((await egress.fetch(new Request(at('/gone'), { method: 'DELETE' }))).status).toBe(410);
    expect((await egress.fetch(redirect(302, '/hello'), { redirect: 'manual' })).status).toBe(302);
  });

  it('rejects with the refusal', async () => {
    await expect(egress.fetch('https://user:secret@example.com')).rejects.toMatchObject({ rule: 'userinfo' });
    await expect(egress.fetch('nonsense')).rejects.toMatchObject({ rule: 'url' });
    await expect(egress.fetch(at('/silent'), { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: 'request_timeout',
    });
  });
});

describe('a pool', () => {
  it('of an operator reaches private addresses', async () => {
    const options = { chosenBy: 'operator', connectTimeoutMs: 1000 } as const;
    const pool = testEgress().pool(at(''), options);
    const { body } = await pool.request({ path: '/hello', method: 'GET' });
    expect(await body.text()).toBe('hello');
    await pool.close();
  });

  it('of a user obeys the policy', async () => {
    const options = { chosenBy: 'user', connectTimeoutMs: 1000 } as const;
    expect(() => testEgress().pool(at(''), options)).toThrow('The rule `scheme` refuses it');
    const pool = testEgress({ EGRESS_HTTP_ALLOWED: 'true' }, { resolve: async () => ['127.0.0.1'] }).pool(
      'http://public.example',
      options,
    );
    await expect(pool.request({ path: '/', method: 'GET' })).rejects.toMatchObject({ rule: 'address' });
    await pool.destroy();
  });
});
