/**
 * What a setting is, and the builders that make one.
 *
 * A setting names its environment variable, type, unit, default and range in one place; parsing, `.env.example`, the
 * reference page and `genai config show` are all derived from it. Builders are pure; nothing here reads the environment.
 */

/** Where the server runs; decides which cross-setting rules apply. */
export const environments = ['development', 'test', 'production'] as const;
export type Environment = (typeof environments)[number];

/** Unit of a numeric setting, as printed in the reference. */
export type Unit =
  | 'milliseconds'
  | 'seconds'
  | 'minutes'
  | 'days'
  | 'bytes'
  | 'KiB'
  | 'MiB'
  | 'tokens'
  | 'characters'
  | 'per minute'
  | 'US dollars per day'
  | 'US dollars per month'
  | 'percent'
  | 'parts'
  | 'cost units'
  | 'count';

/** One typed setting; `T` is the type of its parsed value. */
export interface Setting<T> {
  readonly env: string;
  readonly type: 'integer' | 'number' | 'boolean' | 'text' | 'choice' | 'list' | 'url';
  readonly description: string;
  readonly unit: Unit | undefined;
  readonly default: T;
  /** Human-readable range or set of values, for messages and the reference. */
  readonly range: string;
  /** Secrets are masked wherever they are shown. */
  readonly secret: boolean;
  /** Turns the text of the variable into a value; throws an `Error` whose message says what is expected. */
  readonly parse: (raw: string) => T;
}

/** A named group of settings: one file per category. */
export type Category = Readonly<Record<string, Setting<unknown>>>;

/** The values of a category. */
export type Values<C extends Category> = { readonly [K in keyof C]: C[K] extends Setting<infer T> ? T : never };

interface Common {
  readonly env: string;
  readonly description: string;
  readonly secret?: boolean;
}

interface Numeric extends Common {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit?: Unit;
}

/** A whole number within [min, max]. */
export function integer(options: Numeric): Setting<number> {
  return numeric('integer', options, (value) => Number.isSafeInteger(value));
}

/** A finite number within [min, max]. */
export function number(options: Numeric): Setting<number> {
  return numeric('number', options, (value) => Number.isFinite(value));
}

function numeric(type: 'integer' | 'number', options: Numeric, isValid: (value: number) => boolean): Setting<number> {
  const range = `${options.min} to ${options.max}`;
  return {
    ...base(options),
    type,
    unit: options.unit,
    default: options.default,
    range,
    parse(raw) {
      const value = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(raw) ? Number(raw) : Number.NaN;
      if (!isValid(value) || value < options.min || value > options.max) {
        throw new Error(`expects ${type === 'integer' ? 'a whole number' : 'a number'} from ${range}`);
      }
      return value;
    },
  };
}

/** `true` or `false` (also 1/0, yes/no, on/off). */
export function boolean(options: Common & { readonly default: boolean }): Setting<boolean> {
  return {
    ...base(options),
    type: 'boolean',
    unit: undefined,
    default: options.default,
    range: 'true or false',
    parse(raw) {
      const word = raw.toLowerCase();
      if (['true', '1', 'yes', 'on'].includes(word)) return true;
      if (['false', '0', 'no', 'off'].includes(word)) return false;
      throw new Error('expects true or false');
    },
  };
}

/** One of a fixed set of words. */
export function choice<const T extends string>(
  options: Common & { readonly values: readonly T[]; readonly default: T },
): Setting<T> {
  return {
    ...base(options),
    type: 'choice',
    unit: undefined,
    default: options.default,
    range: options.values.join(', '),
    parse(raw) {
      const found = options.values.find((value) => value === raw);
      if (found === undefined) throw new Error(`expects one of: ${options.values.join(', ')}`);
      return found;
    },
  };
}

interface Text extends Common {
  readonly lengthMin?: number;
  readonly lengthMax?: number;
}

/** Text with a default. */
export function text(options: Text & { readonly default: string }): Setting<string> {
  return { ...textSetting(options), default: options.default };
}

/** Text that may be absent. */
export function optionalText(options: Text): Setting<string | undefined> {
  return { ...textSetting(options), default: undefined };
}

function textSetting(options: Text): Omit<Setting<string>, 'default'> {
  const lengthMin = options.lengthMin ?? 1;
  const lengthMax = options.lengthMax ?? 4096;
  return {
    ...base(options),
    type: 'text',
    unit: undefined,
    range: `${lengthMin} to ${lengthMax} characters`,
    parse(raw) {
      if (raw.length < lengthMin || raw.length > lengthMax) {
        throw new Error(`expects ${lengthMin} to ${lengthMax} characters`);
      }
      return raw;
    },
  };
}

/** A comma-separated list of words, empty by default. */
export function list(options: Common): Setting<readonly string[]> {
  return {
    ...base(options),
    type: 'list',
    unit: undefined,
    default: [],
    range: 'comma-separated',
    parse: (raw) =>
      raw
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
  };
}

interface Url extends Common {
  readonly schemes: readonly string[];
}

/** A URL of one of the given schemes; a trailing slash is dropped. */
export function url(options: Url & { readonly default: string }): Setting<string> {
  return { ...urlSetting(options), default: options.default };
}

/** A URL that may be absent. */
export function optionalUrl(options: Url): Setting<string | undefined> {
  return { ...urlSetting(options), default: undefined };
}

function urlSetting(options: Url): Omit<Setting<string>, 'default'> {
  const range = options.schemes.map((scheme) => `${scheme}://…`).join(', ');
  return {
    ...base(options),
    type: 'url',
    unit: undefined,
    range,
    parse(raw) {
      const scheme = URL.canParse(raw) ? new URL(raw).protocol.slice(0, -1) : '';
      if (!options.schemes.includes(scheme)) throw new Error(`expects a URL such as ${range}`);
      return raw.replace(/\/+$/, '');
    },
  };
}

function base(options: Common): { env: string; description: string; secret: boolean } {
  return { env: options.env, description: options.description, secret: options.secret ?? false };
}
