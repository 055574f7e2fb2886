import { describe, expect, it } from 'vitest';
import { operatorConnection, tenantConnection } from './connection.ts';
import { CommandError } from './failures.ts';
import type { FirstRun } from './first-run-file.ts';

const user = (role: 'admin' | 'analyst', slug: string) => ({
  email: `${role}@${slug}.example`,
  password: 'p',
  role,
  api_key: `key-${role}-${slug}`,
});
const demo: FirstRun = {
  base_url: 'http://127.0.0.1:8000',
  operator_key: 'op-demo',
  tenants: ['acme', 'globex'].map((slug) => ({
    id: `ten_${slug}`,
    slug,
    tier: 'free' as const,
    users: [user('admin', slug), user('analyst', slug)],
  })),
};
const none = { url: undefined, apiKey: undefined, operatorKey: undefined, timeoutMs: 1000 };
const elsewhere = 'https://genai.example.com';

function refusalOf(fn: () => unknown): CommandError {
  try {
    fn();
  } catch (error) {
    if (error instanceof CommandError) return error;
  }
  throw new Error('It was not refused.');
}

describe('the connection of a command', () => {
  it('is the demo, as the first user of the role that the command needs', () => {
    expect(tenantConnection(none, demo, {}, 'admin')).toEqual({
      url: demo.base_url,
      key: 'key-admin-acme',
      demoUser: 'admin@acme.example',
    });
    expect(operatorConnection(none, demo, {})).toEqual({ url: demo.base_url, key: 'op-demo' });
  });

  it('is whom --as names, even where GENAI_API_KEY is set', () => {
    const settings = { ...none, apiKey: 'own' };
    expect(tenantConnection(settings, demo, { as: 'analyst@globex.example' }, 'admin').key).toBe('key-analyst-globex');
    expect(tenantConnection(settings, demo, {}, 'admin').key).toBe('own');
  });

  it.each([{ url: elsewhere }, {}])('never takes a key of the demo to another server', (options) => {
    const settings = { ...none, url: elsewhere };
    for (const refusal of [
      refusalOf(() => tenantConnection(settings, demo, options, 'admin')),
      refusalOf(() => operatorConnection(settings, demo, options)),
    ]) {
      expect(refusal.exit).toBe('notConfigured');
      expect(refusal.message).toContain(elsewhere);
    }
    expect(refusalOf(() => tenantConnection(settings, demo, { as: 'admin@acme.example' }, 'admin')).exit).toBe('usage');
  });

  it('knows the demo by origin, however its address is written', () => {
    expect(tenantConnection(none, demo, { url: 'http://127.0.0.1:8000/' }, 'admin').key).toBe('key-admin-acme');
    expect(refusalOf(() => tenantConnection(none, demo, { url: 'http://127.0.0.1:8001' }, 'admin')).exit).toBe(
      'notConfigured',
    );
    expect(refusalOf(() => tenantConnection(none, demo, { url: 'https://127.0.0.1:8000' }, 'admin')).exit).toBe(
      'notConfigured',
    );
  });

  it('takes --url before GENAI_URL before the demo', () => {
    const settings = { ...none, url: elsewhere, apiKey: 'own' };
    expect(tenantConnection(settings, demo, { url: demo.base_url }, 'admin')).toEqual({
      url: demo.base_url,
      key: 'own',
    });
    expect(tenantConnection(settings, demo, {}, 'admin').url).toBe(elsewhere);
  });

  it('is refused with what to do when no server is known, or the address is none', () => {
    expect(refusalOf(() => tenantConnection(none, undefined, {}, 'admin'))).toMatchObject({ exit: 'notConfigured' });
    for (const url of ['localhost:8000', 'ftp://x', 'nonsense']) {
      expect(refusalOf(() => tenantConnection(none, demo, { url }, 'admin')).exit).toBe('usage');
    }
  });

  it('names the users that there are when --as names none of them', () => {
    expect(refusalOf(() => tenantConnection(none, demo, { as: 'x' }, 'admin')).fix).toContain('analyst@globex.example');
  });
});
