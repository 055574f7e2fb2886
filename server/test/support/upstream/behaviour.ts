/**
 * The language in which a request to the TEST upstream says how it wants to be treated: a model name, then parameters as
 * in a query string, for example `test-echo?ttft=200&error=500&times=2`. What cannot be understood is refused, so that a
 * typing error in a test does not pass as good behaviour.
 */

import { z } from 'zod';

/** The models, by what they answer. */
export const baseModels = ['test-echo', 'test-answer', 'test-embed'] as const;

const milliseconds = z.coerce.number().int().min(0).max(600_000);
const count = z.coerce.number().int().min(1).max(1_000_000);
const flag = z.literal('1').transform(() => true);

/** All parameters; the comments are their documentation. */
const parameters = z.strictObject({
  /** Delay before the first token (or the JSON answer), in milliseconds. */
  ttft: milliseconds.default(0),
  /** Pause between two chunks (in a JSON answer: between two tokens), in milliseconds. */
  gap: milliseconds.default(0),
  /** Length of the answer in tokens; the natural answer is cut or repeated to fit. */
  tokens: count.optional(),
  /** Number of content chunks that the tokens are spread over; by default each token has its own. */
  chunks: count.optional(),
  /** Answer with this HTTP status and an OpenAI error body; 401 echoes the credential, as real endpoints do. */
  error: z.coerce.number().int().min(300).max(599).optional(),
  /** The `error.code` of that body, where a test needs another one than the status suggests. */
  code: z.string().max(100).optional(),
  /** Sends `retry-after` with an error, in seconds. */
  retry_after: z.coerce.number().min(0).max(3600).optional(),
  /** Sends `retry-after-ms` with an error, in milliseconds. */
  retry_after_ms: milliseconds.optional(),
  /** Resets the connection: before the headers, right after them, or in the middle of the answer. */
  reset: z.enum(['before', 'headers', 'mid']).optional(),
  /** Falls silent while keeping the connection open: before the headers (`1`), right after them, or in the middle. */
  hang: z.enum(['1', 'headers', 'mid']).optional(),
  /** Ends the answer in the middle, as if it were complete. */
  truncate: flag.optional(),
  /** Keeps the answer open for that long after its last event, in milliseconds. */
  linger: milliseconds.default(0),
  /** Leaves out the usage, or sends it on the chunk that has choices (whether or not it was asked for). */
  usage: z.enum(['none', 'with-choices']).optional(),
  /** Sends an error object in the middle of the stream (as the whole of a JSON answer) under status 200. */
  inband_error: flag.optional(),
  /** Sends a chunk that is not JSON in the middle of the stream (a JSON answer that is not JSON). */
  malformed: flag.optional(),
  /** Answers with a tool call instead of text. */
  tool: flag.optional(),
  /** Writes every event in pieces that part in the middle of each multi-byte character. */
  utf8split: flag.optional(),
  /** Ends lines with CR LF and puts comments between the events. */
  crlf: flag.optional(),
  /** Only the first so many attempts of this exact model name fail; the later ones behave. */
  times: count.optional(),
  /** Means nothing; makes a model name unique, so that a test has its own count of attempts. */
  key: z.string().max(100).optional(),
});

/** How one request is treated. */
export interface Behaviour extends z.infer<typeof parameters> {
  readonly model: (typeof baseModels)[number];
}

/** Why a model name was refused, in the terms of an OpenAI error. */
export interface Refusal {
  readonly status: 400 | 404;
  readonly code: string;
  readonly message: string;
}

/** The behaviour that a model name asks for, or why there is none. */
export function behaviourFromModel(name: string): Behaviour | Refusal {
  const [base = '', query = ''] = name.split('?', 2);
  const model = baseModels.find((candidate) => candidate === base);
  if (model === undefined) {
    return { status: 404, code: 'model_not_found', message: `The model \`${base}\` does not exist.` };
  }
  const parsed = parameters.safeParse(Object.fromEntries(new URLSearchParams(query)));
  if (parsed.success) return { model, ...parsed.data };
  return { status: 400, code: 'invalid_behaviour', message: z.prettifyError(parsed.error) };
}

const faults = ['error', 'reset', 'hang', 'truncate', 'inband_error', 'malformed'] as const;

/** The same behaviour without its faults, for the attempts after the last one that shall fail. */
export function healed(behaviour: Behaviour): Behaviour {
  return { ...behaviour, ...Object.fromEntries(faults.map((fault) => [fault, undefined])) };
}
