/**
 * What a server says of itself in /openapi.json, as far as the verification of isolation needs it.
 *
 * Everything the verification knows of an operation comes from here, so a new operation is covered as soon as the server
 * describes it.
 */

import { CommandError } from '../../failures.ts';

/** A JSON Schema, as far as it is looked into. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly contentMediaType?: string;
  readonly examples?: readonly unknown[];
  /** What a value names, as `kind.field`. */
  readonly 'x-names'?: readonly string[];
}

/** One operation. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  /** With parameters in braces. */
  readonly path: string;
  /** A permission, or `authenticated`, `operator`, `public`. */
  readonly access: string;
  /** What it needs to succeed that no server has by itself. */
  readonly needs: string | undefined;
  /** The codes with which it refuses on a server that lacks what it needs. */
  readonly refusals: readonly string[];
  /** The ways to prove who asks that it takes; none for everybody. */
  readonly schemes: readonly string[];
  /** An object of `path`, `query`, `header` and `body`. */
  readonly input: Schema;
  readonly bodyMediaType: string | undefined;
  /** Statuses that are no errors. */
  readonly successes: readonly number[];
  /** Its JSON answer when it succeeds. */
  readonly answer: Schema | undefined;
}

/** All that a server says of itself. */
export interface Description {
  readonly version: string;
  readonly operations: readonly Operation[];
  /** Names of the ways to prove who asks. */
  readonly schemes: readonly string[];
  /** The schema that a reference stands for. */
  readonly resolve: (schema: Schema) => Schema;
  /** The same with all references in it resolved, to be searched. */
  readonly resolveAll: (schema: Schema) => unknown;
}

interface RawParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema?: Schema;
}
interface RawResponse {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
  readonly 'x-error-codes'?: readonly string[];
}
interface RawOperation {
  readonly operationId?: string;
  readonly 'x-permission'?: string;
  readonly 'x-needs'?: string;
  readonly 'x-refusals'?: readonly string[];
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly (RawParameter | { readonly $ref: string })[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema?: Schema }>>;
  };
  readonly responses?: Readonly<Record<string, RawResponse>>;
}
interface RawDocument {
  readonly info?: { readonly version?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components?: {
    readonly schemas?: Readonly<Record<string, Schema>>;
    readonly parameters?: Readonly<Record<string, RawParameter>>;
    readonly securitySchemes?: Readonly<Record<string, unknown>>;
  };
}

/** Schemas may refer to themselves. */
const depthMax = 24;

/** Reads the text of /openapi.json. @throws {CommandError} when it is none. */
export function readDescription(text: string, url: string): Description {
  const document = parsed(text, url);
  const { schemas = {}, parameters = {}, securitySchemes = {} } = document.components ?? {};
  const resolve = (schema: Schema): Schema => {
    let found = schema;
    for (let hops = 0; found.$ref !== undefined && hops < 20; hops += 1) {
      const { $ref, ...rest } = found;
      found = { ...schemas[lastPart($ref)], ...rest };
    }
    return found;
  };
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => operationFrom(method.toUpperCase(), path, raw, parameters)),
  );
  const resolveAll = (value: unknown, depth = 0): unknown => {
    if (typeof value !== 'object' || value === null || depth > depthMax) return value;
    const entries = Object.entries(Array.isArray(value) ? value : resolve(value as Schema));
    return Object.fromEntries(entries.map(([name, one]) => [name, resolveAll(one, depth + 1)]));
  };
  return {
    version: document.info?.version ?? 'unknown',
    operations,
    schemes: Object.keys(securitySchemes),
    ...{ resolve, resolveAll },
  };
}

function parsed(text: string, url: string): RawDocument {
  try {
    const document = JSON.parse(text) as RawDocument | null;
    if (document !== null && typeof document.paths === 'object') return document;
  } catch {
    // Told below, in words that help.
  }
  throw new CommandError('server', `${url}/openapi.json is no description of an API. Is it a genai server?`);
}

function operationFrom(
  method: string,
  path: string,
  raw: RawOperation,
  shared: Readonly<Record<string, RawParameter>>,
): Operation {
  const given = (raw.parameters ?? []).flatMap((one) => ('name' in one ? [one] : (shared[lastPart(one.$ref)] ?? [])));
  const place = (name: RawParameter['in']) => objectOf(given.filter((one) => one.in === name));
  const [bodyMediaType, body] = Object.entries(raw.requestBody?.content ?? {})[0] ?? [];
  const answers = Object.entries(raw.responses ?? {}).filter(([, answer]) => answer['x-error-codes'] === undefined);
  const json = answers.flatMap(([, { content = {} }]) =>
    Object.entries(content).flatMap(([type, { schema }]) => (type.endsWith('json') && schema ? [schema] : [])),
  );
  return {
    id: raw.operationId ?? `${method} ${path}`,
    method,
    path,
    access: raw['x-permission'] ?? 'authenticated',
    needs: raw['x-needs'],
    refusals: raw['x-refusals'] ?? [],
    schemes: (raw.security ?? []).flatMap((one) => Object.keys(one)),
    input: {
      type: 'object',
      properties: {
        ...{ path: place('path'), query: place('query'), header: place('header') },
        ...(body === undefined ? {} : { body: body.schema ?? {} }),
      },
      required: ['path', 'query', 'header', ...(raw.requestBody?.required === true ? ['body'] : [])],
    },
    bodyMediaType,
    successes: answers.map(([status]) => Number(status)).filter((status) => status < 400),
    answer: json[0],
  };
}

function objectOf(fields: readonly RawParameter[]): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(({ name, schema = {} }) => [name, schema])),
    required: fields.filter(({ required }) => required === true).map(({ name }) => name),
  };
}

function lastPart(reference: string): string {
  return reference.split('/').at(-1) ?? '';
}
