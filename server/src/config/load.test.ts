import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './load.ts';
import { allSettings } from './registry.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'genai-config-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const load = (environment: Record<string, string>, generated = {}) => loadConfig({ environment, directory, generated });

function problemsOf(environment: Record<string, string>): ConfigError {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error('The configuration was accepted.');
}

describe('loading settings', () => {
  it('needs nothing: every setting has its default', () => {
    const { config, sources } = load({});
    for (const { category, key, setting } of allSettings()) {
      if (setting.env === 'GENAI_DATA_DIR') continue;
      expect((config[category] as Record<string, unknown>)[key], setting.env).toEqual(setting.default);
    }
    expect(new Set(sources.values())).toEqual(new Set(['default']));
  });

  it('takes the environment before the file, the file before what was generated, and that before the default', () => {
    const layers = { PORT: '1', HTTP_CONNECTIONS_MAX: '1', SCHEDULER_SLOTS: '1' };
    writeFileSync(join(directory, '.env'), '# a comment\nPORT=2\nHTTP_CONNECTIONS_MAX="2"\nSCHEDULER_SLOTS=\n');
    const { config, sources } = loadConfig({ environment: { PORT: '3' }, directory, generated: layers });
    expect([config.server.port, config.server.connectionsMax, config.scheduler.slots]).toEqual([3, 2, 1]);
    expect(['PORT', 'HTTP_CONNECTIONS_MAX', 'SCHEDULER_SLOTS', 'HOST'].map((env) => sources.get(env))).toEqual([
      'environment',
      '.env file',
      'generated',
      'default',
    ]);
  });

  it('treats an empty or blank variable as absent', () => {
    const { config, sources } = load({ PORT: '', REDIS_URL: '  ' });
    expect([config.server.port, config.redis.url]).toEqual([8000, undefined]);
    expect(sources.get('REDIS_URL')).toBe('default');
  });

  it('resolves paths against the folder of the .env file', () => {
    const { config } = load({ GENAI_DATA_DIR: 'here/data', ENCRYPTION_KEY_FILE: '../key' });
    expect(config.server.dataDir).toBe(join(directory, 'here/data'));
    expect(config.encryption.keyFile).toBe(join(directory, '../key'));
  });

  it('gives a configuration that nothing can change', () => {
    const { config } = load({ CORS_ORIGINS: 'https://a.test' });
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError);
    expect(() => (config.server.corsOrigins as string[]).push('*')).toThrow(TypeError);
    expect(() => (config.search.opensearchHosts as string[]).push('http://x')).toThrow(TypeError);
  });
});

describe('reporting wrong settings', () => {
  it('names every wrong setting at once, each with a fix, in words of its own', () => {
    const numeric = allSettings().filter(({ setting }) => setting.type === 'integer' || setting.type === 'number');
    const wrong = Object.fromEntries(numeric.map(({ setting }) => [setting.env, 'lots']));
    const error = problemsOf({ ...wrong, LOG_LEVEL: 'loud', DEBUG: 'maybe', DATABASE_URL: 'mysql://x' });
    expect(error.problems.map(({ env }) => env).sort()).toEqual(
      [...Object.keys(wrong), 'LOG_LEVEL', 'DEBUG', 'DATABASE_URL'].sort(),
    );
    expect(error.problems.every(({ fix }) => /^Expects .+\.$/.test(fix))).toBe(true);
    expect(error.message).toContain(`${error.problems.length} settings are wrong:`);
    expect(error.message).toContain(
      '  PORT does not accept "lots"\n      fix: Expects a whole number from 0 to 65535.',
    );
  });

  it('reports a rule between settings beside a value that does not parse, and each variable once', () => {
    const error = problemsOf({ PORT: '-1', APP_ENV: 'production', DATABASE_URL: 'mysql://x', JWT_SECRET_KEY: 'short' });
    const names = error.problems.map(({ env }) => env);
    expect(names).toEqual(
      expect.arrayContaining(['PORT', 'DATABASE_URL', 'JWT_SECRET_KEY', 'API_KEY_PEPPER', 'METRICS_TOKEN']),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('never shows a secret', () => {
    const secrets = allSettings().filter(({ setting }) => setting.secret);
    for (const { setting } of secrets) {
      const value = `hidden-${'€'.repeat(5000)}`;
      for (const extra of [{}, { APP_ENV: 'production' }]) {
        const message = String(problemsOf({ ...extra, [setting.env]: value, PORT: 'wrong' }));
        expect(message, setting.env).not.toContain('hidden');
      }
    }
  });

  it('refuses a .env that is not a file, naming it', () => {
    mkdirSync(join(directory, '.env'));
    expect(problemsOf({}).message).toContain(join(directory, '.env'));
  });
});
