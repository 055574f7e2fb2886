/**
 * Reads JSON bodies and validates what came in.
 *
 * A body that reaches a handler is UTF-8, well-formed, of bounded size and depth, without keys that reach into prototypes,
 * and has the form that its operation declares. Everything else is refused with the place of the mistake; the values that
 * were sent are never repeated, they may be secrets.
 */

import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { AppError, type FieldError } from '../errors.ts';
import { operationOf } from './request-state.ts';
import { dialects, surfaceOf } from './surfaces.ts';

/** Deepest nesting of objects and arrays in a JSON body. Deeper ones would exhaust the stack when written out again. */
const depthMax = 64;

const jsonTypes = [...new Set(Object.values(dialects).flatMap(({ accepts }) => accepts))];

/** Most mistakes that are named in one answer. */
const mistakesMax = 20;
const pointerLengthMax = 200;

/** Replaces Fastify's JSON parser by one that also checks encoding and depth, and drops the parser of plain text. */
export function installJsonParser(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser(jsonTypes, { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    const [sent = ''] = (request.headers['content-type'] ?? '').toLowerCase().split(';', 1);
    if (!dialects[surfaceOf(request.url)].accepts.includes(sent.trim())) {
      return done(new AppError('media_type_unsupported', { detail: 'Send application/json here.' }));
    }
    // Some clients declare JSON on every request; where none is expected, none is needed.
    if (bytes.length === 0 && operationOf(request)?.body === undefined) return done(null, undefined);
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      return done(new AppError('body_malformed', { detail: 'The body is not valid UTF-8.' }));
    }
    if (isDeeperThan(text, depthMax)) {
      return done(new AppError('body_malformed', { detail: `The JSON is nested deeper than ${depthMax} levels.` }));
    }
    return parseJson(request, text, done);
  });
}

/** Whether brackets outside strings nest deeper than a bound. Linear, and exact for well-formed JSON. */
function isDeeperThan(json: string, max: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < json.length; at += 1) {
    const char = json.charCodeAt(at);
    if (char === 0x22) isInString = !isInString;
    else if (isInString) at += char === 0x5c ? 1 : 0;
    else if (char === 0x5b || char === 0x7b) depth += 1;
    else if (char === 0x5d || char === 0x7d) depth -= 1;
    if (depth > max) return true;
  }
  return false;
}

/** The value of a part of the request, as its schema lets it through. @throws {AppError} request_invalid. */
export function parsed<S extends z.ZodType>(schema: S, value: unknown, location: FieldError['location']): z.output<S> {
  const result = schema.safeParse(value, { error: plainMessage });
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap((issue) => fieldErrors(issue, location)).slice(0, mistakesMax);
  const [first] = errors;
  const detail = first && `${first.location}${first.pointer === '' ? '' : ` ${first.pointer}`}: ${first.message}`;
  throw new AppError('request_invalid', { errors, ...(detail === undefined ? {} : { detail }) });
}

/** Messages in the words of this API where zod's own would name its internals. */
function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'is required';
  return issue.expected === 'nan'
    ? undefined
    : `must be ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;
}

function fieldErrors(issue: z.core.$ZodIssue, location: FieldError['location']): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      location,
      pointer: pointerOf([...issue.path, key]),
      message: 'is not a known field',
    }));
  }
  return [{ location, pointer: pointerOf(issue.path), message: issue.message }];
}

/** RFC 6901. */
function pointerOf(path: readonly PropertyKey[]): string {
  const pointer = path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return pointer.slice(0, pointerLengthMax);
}
