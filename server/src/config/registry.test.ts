import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allSettings } from './registry.ts';

const settings = allSettings().map(({ setting }) => setting);
const numeric = settings.filter(({ type }) => type === 'integer' || type === 'number');

/** Bounds of a numeric setting, read from what the reference prints. */
function boundsOf(range: string): { min: number; max: number } {
  const [min = Number.NaN, max = Number.NaN] = range.split(' to ').map(Number);
  return { min, max };
}

describe('every setting', () => {
  it('has an environment variable of its own, in upper snake case', () => {
    const names = settings.map(({ env }) => env);
    expect(names.filter((name) => !/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(name))).toEqual([]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('is described in whole sentences on one line', () => {
    expect(settings.filter(({ description }) => !/^[A-Z`][^\n]{10,}\.$/.test(description))).toEqual([]);
  });

  it('is marked secret when it holds a credential', () => {
    const credential = /SECRET|PEPPER|PASSWORD$|API_KEY$|_TOKEN$|^(DATABASE|DATABASE_OWNER|REDIS)_URL$|_HOSTS$/;
    expect(settings.filter(({ env, secret }) => credential.test(env) && !secret)).toEqual([]);
    expect(
      settings.filter(({ secret, default: value }) => secret && value !== undefined && !isEmptyList(value)),
    ).toEqual([]);
  });

  it('accepts its own default', () => {
    for (const setting of settings) {
      if (setting.default === undefined || isEmptyList(setting.default)) continue;
      expect(setting.parse(String(setting.default)), setting.env).toEqual(setting.default);
    }
  });
});

describe('every numeric setting', () => {
  it('has a unit, unless its name or nature leaves none', () => {
    const pure = ['PORT', 'LLM_TEMPERATURE', 'TRACING_SAMPLE_RATIO'];
    expect(numeric.filter(({ unit }) => unit === undefined).map(({ env }) => env)).toEqual(pure);
    const misnamed = numeric.filter(
      ({ env, unit }) =>
        (unit === 'milliseconds') !== env.endsWith('_MS') ||
        (unit === 'seconds') !== env.endsWith('_SECONDS') ||
        (unit === 'bytes') !== env.includes('_BYTES'),
    );
    expect(misnamed.map(({ env }) => env)).toEqual([]);
  });

  it('accepts both of its bounds and nothing beyond', () => {
    for (const { env, type, range, parse } of numeric) {
      const { min, max } = boundsOf(range);
      expect([parse(String(min)), parse(String(max))], env).toEqual([min, max]);
      const step = type === 'integer' ? 1 : 0.001;
      for (const beyond of [min - step, max + step])
        expect(() => parse(String(beyond)), `${env}=${beyond}`).toThrow(range);
    }
  });

  it('accepts exactly the plain decimal numbers of its range', () => {
    fc.assert(
      fc.property(fc.constantFrom(...numeric), fc.double({ noNaN: true, min: -1e12, max: 1e12 }), (setting, value) => {
        const { min, max } = boundsOf(setting.range);
        const written = setting.type === 'integer' ? Math.trunc(value).toFixed(0) : value.toFixed(6);
        const number = Number(written);
        if (number >= min && number <= max) expect(setting.parse(written)).toBe(number);
        else expect(() => setting.parse(written)).toThrow(setting.range);
      }),
    );
  });

  it.each(['', ' ', 'ten', '1e3', '0x10', '1_000', '1,000', 'Infinity', 'NaN', '--1', '1.2.3', '٣', '5 ms'])(
    'refuses %j',
    (written) => {
      for (const { env, parse } of numeric) expect(() => parse(written), env).toThrow(/expects a (whole )?number/);
    },
  );

  it('reads leading zeros as decimal, never as octal', () => {
    const port = settings.find(({ env }) => env === 'PORT');
    expect(port?.parse('0017')).toBe(17);
    expect(() => port?.parse('80.5')).toThrow('whole number');
  });
});

describe('settings of other types', () => {
  const of = (type: string) => settings.filter((setting) => setting.type === type);

  it('booleans accept the usual words in any case, and no others', () => {
    for (const { parse } of of('boolean')) {
      expect(['true', 'TRUE', '1', 'yes', 'on'].map(parse)).toEqual([true, true, true, true, true]);
      expect(['false', 'False', '0', 'no', 'off'].map(parse)).toEqual([false, false, false, false, false]);
      for (const word of ['', 'maybe', '2', 'tru']) expect(() => parse(word)).toThrow('true or false');
    }
  });

  it('choices accept exactly the words that their range lists', () => {
    for (const { range, parse } of of('choice')) {
      for (const word of range.split(', ')) expect(parse(word)).toBe(word);
      for (const word of ['', 'constructor', range]) expect(() => parse(word)).toThrow(range);
    }
  });

  it('texts keep to their length', () => {
    for (const { env, range, parse } of of('text')) {
      const [min = 0, max = 0] = range.replace(' characters', '').split(' to ').map(Number);
      for (const length of [min, max]) expect(parse('x'.repeat(length)), env).toHaveLength(length);
      for (const length of [min - 1, max + 1]) expect(() => parse('x'.repeat(length)), env).toThrow(range);
    }
  });

  it('URLs keep to their schemes and lose their trailing slash', () => {
    for (const { env, range, parse } of of('url')) {
      const scheme = range.split('://')[0];
      expect(parse(`${scheme}://host:1234/`), env).toBe(`${scheme}://host:1234`);
      for (const wrong of ['', 'host', 'file:///etc/passwd', 'javascript:alert(1)']) {
        expect(() => parse(wrong), env).toThrow('expects a URL');
      }
    }
  });

  it('lists are split at commas, without blanks', () => {
    for (const { parse } of of('list')) expect(parse(' a, b ,,c ')).toEqual(['a', 'b', 'c']);
  });
});

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
