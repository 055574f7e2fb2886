/**
 * Lua scripts: read once from the files beside their module, with what they include in front.
 *
 * A script names its includes in lines of their own, before anything else: `-- include NAME`. They are looked for beside
 * it and then beside this file, which has `clock` (the time of Redis) and `random`. An include may have its own; each is
 * read once, before whatever names it first.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A script as Redis gets it. */
export interface Script {
  readonly name: string;
  readonly source: string;
  /** By which Redis knows it, in hexadecimal. */
  readonly sha1: string;
}

/** Where scripts run. */
export interface ScriptHost {
  /**
   * Runs a script as one atomic step. All its keys must share a hash tag. The signal keeps it from being sent; once it is,
   * its answer is waited for, because it may have been carried out.
   * @throws {AppError} dependency_unavailable when there is no answer in time; it may have run nevertheless.
   */
  readonly run: (
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    signal?: AbortSignal,
  ) => Promise<unknown>;
}

/** Functions that Redis keeps, as it gets them. */
export interface Library {
  /** Differs with the source, so that servers of two versions get on beside each other. */
  readonly name: string;
  readonly source: string;
}

/** Where functions run. */
export interface LibraryHost {
  /** Runs a function of a library as one atomic step, like {@link ScriptHost.run}; Redis is given the library when it lacks it. */
  readonly call: (
    library: Library,
    functionName: string,
    keys: readonly string[],
    args: readonly (string | number)[],
    signal?: AbortSignal,
  ) => Promise<unknown>;
}

/** Runs a script as one atomic step; keys and arguments are its KEYS and ARGV. */
export type RunScript = (
  keys: readonly string[],
  args: readonly (string | number)[],
  signal?: AbortSignal,
) => Promise<unknown>;

/** Time and chance as a test decides them, to drive a script and its twin alike. */
export interface ScriptInputs {
  readonly nowUs: () => number;
  /** 32 hexadecimal digits. */
  readonly random: () => string;
}

const includeLine = /^-- include ([a-z-]+)$/gm;
const sharedFolder = join(import.meta.dirname, 'lua');
const randomHex = () => randomBytes(16).toString('hex');

/**
 * The scripts of a folder, by name.
 * @param inputs replaces the time of Redis and the random bytes; for tests.
 */
export function createScripts<Name extends string>(
  redis: ScriptHost,
  folder: string,
  names: readonly Name[],
  inputs?: ScriptInputs,
): Readonly<Record<Name, RunScript>> {
  const standIns = inputs === undefined ? {} : { clock: 'clock.arguments' };
  const runners = names.map((name): [Name, RunScript] => {
    const { script, includes } = loadScript(folder, name, standIns);
    // The script takes them from the end, in the order in which they are included.
    const added = () =>
      [...includes].reverse().flatMap((include): (string | number)[] => {
        if (include === 'random') return [(inputs?.random ?? randomHex)()];
        return include === 'clock' && inputs !== undefined ? [inputs.nowUs()] : [];
      });
    return [name, (keys, args, signal) => redis.run(script, keys, [...args, ...added()], signal)];
  });
  return Object.fromEntries(runners) as Record<Name, RunScript>;
}

/**
 * The functions of a library, by name. Its main file includes the others; they see the start of the names that functions
 * are to be registered by as `library`. The last of the arguments of each is a random text.
 * @param inputs replaces the time of Redis and the random text; for tests. The file `clock-given` takes the time from
 *   before the random text then.
 */
export function createLibrary<Name extends string>(
  redis: LibraryHost,
  folder: string,
  file: string,
  names: readonly Name[],
  inputs?: ScriptInputs,
): Readonly<Record<Name, RunScript>> {
  const { script } = loadScript(folder, file, inputs === undefined ? {} : { clock: 'clock-given' });
  const name = `${file}_${script.sha1}`;
  const source = `#!lua name=${name}\nlocal library = '${name}_'\n${script.source}`;
  const given = () => (inputs === undefined ? [randomHex()] : [inputs.nowUs(), inputs.random()]);
  const runners = names.map((functionName): [Name, RunScript] => [
    functionName,
    (keys, args, signal) => redis.call({ name, source }, functionName, keys, [...args, ...given()], signal),
  ]);
  return Object.fromEntries(runners) as Record<Name, RunScript>;
}

/**
 * Reads a script.
 * @param standIns files that are read in the place of includes.
 * @throws when it, or an include, is not there.
 */
export function loadScript(
  folder: string,
  name: string,
  standIns: Readonly<Record<string, string>> = {},
): { readonly script: Script; readonly includes: readonly string[] } {
  const texts = new Map<string, string>();
  const named = new Set([name]);
  function read(part: string): void {
    const file = `${standIns[part] ?? part}.lua`;
    const own = join(folder, file);
    const text = readFileSync(existsSync(own) ? own : join(sharedFolder, file), 'utf8');
    for (const [, include = ''] of text.matchAll(includeLine)) {
      if (named.has(include)) continue;
      named.add(include);
      read(include);
    }
    texts.set(part, text);
  }
  read(name);
  const source = [...texts.values()].join('\n');
  const includes = [...texts.keys()].slice(0, -1);
  return { script: { name, source, sha1: createHash('sha1').update(source).digest('hex') }, includes };
}
