/**
 * An HTTP operation as data: what it is called, who may call it, what goes in, what comes out, and its handler.
 *
 * The zod schemas here are the only description of the wire: requests are validated by them, answers are reduced to them,
 * the types of handlers follow from them, and the OpenAPI document is generated from them.
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { RouteAccess } from '../access/index.ts';
import type { RequestContext } from '../context.ts';
import type { ErrorCode } from '../errors.ts';
import type { OpenApiDocument } from './openapi.ts';
import type { Services } from './services.ts';

/** Chapters of the reference. */
export const tags = {
  login: 'Sign in, stay signed in, sign out.',
  account: 'Your own password, second factor and login sessions.',
  questions: 'Ask questions over your documents.',
  documents: 'Upload, list, relabel and delete documents.',
  collections: 'Group documents and decide who may read them.',
  gateway: 'The OpenAI-compatible gateway.',
  users: 'The users, teams and roles of your tenant.',
  identity_provider: 'Sign in with your organisation: the identity provider of your tenant.',
  scim: 'Users and groups as a directory provisions them: SCIM 2.0, with a key scoped for `users:provision`.',
  keys: 'API keys.',
  accounting: 'Usage, cost and the audit log.',
  break_glass: 'Read access of platform operators to a tenant, in plain sight of it.',
  operators: 'For operators of the platform, with an operator key.',
  server: 'Health, metrics and this reference.',
} as const;

/** Someone who runs the platform. */
export interface Operator {
  readonly id: string;
  readonly name: string;
}

/** What the server knows of itself. */
export interface Edge {
  readonly isDraining: () => boolean;
  /** The description of all operations. */
  readonly document: OpenApiDocument;
}

/**
 * What a handler returns that wrote its answer itself. It must not return the reply, which is a promise of sorts: awaiting
 * it waits until the client has read everything.
 */
export const answered = Symbol('answered');

/** What a handler is given. */
export interface Call<P, Q, B> {
  readonly services: Services;
  readonly edge: Edge;
  /** Who asks. Throws on operations that are public or for operators. */
  readonly ctx: RequestContext;
  /** The platform operator who asks. Throws on all other operations. */
  readonly operator: Operator;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly request: FastifyRequest;
  /** For operations that write their answer themselves; they return `answered`. */
  readonly reply: FastifyReply;
}

/** An answer of an operation. */
export interface ResponseSpec<R extends z.ZodType = z.ZodType> {
  /** For the reference. */
  readonly description: string;
  /** The JSON body; what it does not name is left out. No body when absent. */
  readonly schema?: R;
  /** Media types of bodies that are not JSON, or that may come instead of it. */
  readonly mediaTypes?: readonly string[];
}

/** What describes an operation. */
export interface OperationSpec<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, R extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With parameters in braces, as in OpenAPI. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: keyof typeof tags;
  readonly access: RouteAccess;
  /** Ids in the path; an id that cannot exist is answered like one that does not. */
  readonly params?: P;
  /** The id in the path is that of a tenant, so naming a foreign one is an attempt like any other. */
  readonly idNamesTenant?: true;
  readonly query?: Q;
  readonly body?: B;
  /** JSON unless it says otherwise. */
  readonly bodyMediaType?: 'multipart/form-data';
  readonly success: ResponseSpec<R> & { readonly status: number };
  /** Answers that are neither success nor error. */
  readonly otherResponses?: Readonly<Record<number, ResponseSpec>>;
  /** Codes beyond those that follow from access and input. */
  readonly errors?: readonly ErrorCode[];
  /** What an operation needs to succeed that no server has by itself, for example `a model endpoint`. */
  readonly needs?: string;
  /** The codes with which it refuses as long as that is missing: all that `genai isolation verify` can expect of it then. */
  readonly refusals?: readonly ErrorCode[];
  /** `query` for questions and chats, which end after QUERY_TIMEOUT_MS. */
  readonly deadline?: 'query';
  /** Not rate limited; with `token` it demands METRICS_TOKEN where that is set. */
  readonly monitoring?: 'open' | 'token';
  readonly handle: (call: Call<z.output<P>, z.output<Q>, z.output<B>>) => Promise<z.input<R> | typeof answered>;
}

/** An operation whose types are no longer known; its schemas still are. */
export type Operation = Omit<OperationSpec<z.ZodObject, z.ZodObject, z.ZodType, z.ZodType>, 'handle'> & {
  readonly handle: (call: Call<unknown, unknown, unknown>) => Promise<unknown>;
};

/** Path or query without parameters. */
export const nothing = z.strictObject({});
type Nothing = typeof nothing;

/** Describes an operation. `registerOperation` gives its handler only what these schemas let through. */
export function defineOperation<
  P extends z.ZodObject = Nothing,
  Q extends z.ZodObject = Nothing,
  B extends z.ZodType = z.ZodUndefined,
  R extends z.ZodType = z.ZodVoid,
>(spec: OperationSpec<P, Q, B, R>): Operation {
  return spec as unknown as Operation;
}
