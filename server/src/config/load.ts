/**
 * Reads the settings: process environment, then the `.env` file, then defaults.
 *
 * This module is the only reader of `process.env`. Everything wrong is collected and reported at once.
 */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { SetupError } from '../errors.ts';
import { allSettings, type Config } from './registry.ts';
import { type ConfigProblem, problemsOf } from './rules.ts';

/** Where a value came from. */
export type Source = 'environment' | '.env file' | 'generated' | 'default';

/** A configuration with the source of every variable. */
export interface LoadedConfig {
  readonly config: Config;
  /** By environment variable. */
  readonly sources: ReadonlyMap<string, Source>;
}

/** Everything that is wrong with the configuration; the message is a table for people. */
export class ConfigError extends SetupError {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ env, problem, fix }) => `  ${env} ${problem}\n      fix: ${fix}`);
    super(`${problems.length} setting${problems.length === 1 ? ' is' : 's are'} wrong:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** What to read; all optional, for tests. */
export interface LoadOptions {
  /** Defaults to `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Folder of the `.env` file; relative paths in settings are resolved against it. Defaults to the working folder. */
  readonly directory?: string;
  /** Secrets that the server generated for itself on an earlier start. */
  readonly generated?: Readonly<Record<string, string | undefined>>;
}

/** A configuration as far as it goes: what is wrong has its default. */
export interface InspectedConfig extends LoadedConfig {
  readonly problems: readonly ConfigProblem[];
}

/**
 * Loads, parses and checks all settings.
 * @throws {ConfigError} naming every wrong setting with its fix.
 */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const { problems, ...loaded } = inspectConfig(options);
  if (problems.length > 0) throw new ConfigError(problems);
  return loaded;
}

/** Loads all settings without refusing any, for commands that show them or need only some. */
export function inspectConfig(options: LoadOptions = {}): InspectedConfig {
  const directory = options.directory ?? process.cwd();
  const layers: readonly (readonly [Source, Readonly<Record<string, string | undefined>>])[] = [
    ['environment', options.environment ?? process.env],
    ['.env file', readEnvFile(join(directory, '.env'))],
    ['generated', options.generated ?? {}],
  ];
  const problems: ConfigProblem[] = [];
  const sources = new Map<string, Source>();
  const values: Record<string, Record<string, unknown>> = {};
  for (const { category, key, setting } of allSettings()) {
    // An empty variable counts as absent, so that `NAME=` in a file or a chart takes the default.
    const found = layers.find(([, variables]) => (variables[setting.env] ?? '').trim() !== '');
    const raw = found?.[1][setting.env];
    sources.set(setting.env, found?.[0] ?? 'default');
    values[category] ??= {};
    values[category][key] = setting.default;
    if (raw === undefined) continue;
    try {
      values[category][key] = setting.parse(raw.trim());
    } catch (error) {
      const shown = setting.secret ? 'the value' : `"${raw}"`;
      problems.push({ env: setting.env, problem: `does not accept ${shown}`, fix: sentenceOf(error) });
    }
  }
  const config = resolvePaths(values as unknown as Config, directory);
  // Cross-setting rules would only repeat what a value that did not parse already says.
  if (problems.length === 0) problems.push(...problemsOf(config));
  else problems.push(...problemsOf(config).filter(({ env }) => !problems.some((known) => known.env === env)));
  return { config: deepFreeze(config), sources, problems };
}

function readEnvFile(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new ConfigError([{ env: path, problem: 'cannot be read', fix: `Mend or remove it: ${sentenceOf(error)}` }]);
  }
}

function resolvePaths(config: Config, directory: string): Config {
  const { server, encryption } = config;
  return {
    ...config,
    server: { ...server, dataDir: resolve(directory, server.dataDir) },
    encryption: {
      ...encryption,
      keyFile: encryption.keyFile === undefined ? undefined : resolve(directory, encryption.keyFile),
    },
  };
}

function sentenceOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

function deepFreeze(config: Config): Config {
  for (const category of Object.values(config)) {
    Object.freeze(category);
    for (const value of Object.values(category)) Object.freeze(value);
  }
  return Object.freeze(config);
}
