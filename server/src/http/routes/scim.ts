/** SCIM 2.0: users and groups as directories provision them. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { ErrorCode } from '../../errors.ts';
import type { Provisioned, ScimResource, ScimSelection } from '../../identity/index.ts';
import { answered, defineOperation, type Operation } from '../operation.ts';
import {
  listSchema,
  newScimGroup,
  newScimUser,
  scimGroup,
  scimGroupPatch,
  scimListOf,
  scimListQuery,
  scimSelection,
  scimUser,
  scimUserPatch,
} from '../schemas/scim.ts';
import { idParams } from '../schemas/wire.ts';
import type { Services } from '../services.ts';

type Body = z.ZodType<Readonly<Record<string, unknown>>>;

/** What differs between users and groups. */
interface Kind<R extends z.ZodType, B extends Body> {
  readonly name: 'User' | 'Group';
  readonly noun: string;
  /** What an id in the path names. */
  readonly named: string;
  readonly resource: R;
  readonly input: B;
  readonly patch: typeof scimUserPatch | typeof scimGroupPatch;
  /** What becomes of what is deleted. */
  readonly deletion: string;
  /** Whether a change is answered with the resource where nothing of it is asked for; groups can be large. */
  readonly sendsChanged: boolean;
  /** What any change can be refused for. */
  readonly errors: readonly ErrorCode[];
  readonly provisioned: (services: Services) => Provisioned;
}

const users = {
  name: 'User',
  noun: 'user',
  named: 'user',
  resource: scimUser,
  input: newScimUser,
  patch: scimUserPatch,
  deletion: 'Address, name and all else that is personal are erased; sessions and keys end.',
  sendsChanged: true,
  errors: ['classification_denied', 'state_conflict'],
  provisioned: ({ identity }: Services) => identity.provisioning.users,
} as const;

const groups = {
  name: 'Group',
  noun: 'group',
  named: 'team',
  resource: scimGroup,
  input: newScimGroup,
  patch: scimGroupPatch,
  deletion: 'Its members remain; what was granted to it alone is lost to them.',
  sendsChanged: false,
  errors: ['state_conflict'],
  provisioned: ({ identity }: Services) => identity.provisioning.groups,
} as const;

const shared = { tag: 'scim', access: { permission: 'users:provision' } } as const;
const patchErrors = ['filter_invalid', 'path_invalid', 'target_missing', 'attribute_read_only'] as const;
const pathOf = (name: string) => `/scim/v2/${name}s`;

function readingOf<R extends z.ZodType, B extends Body>(kind: Kind<R, B>): readonly Operation[] {
  const { name, noun, named, resource, provisioned } = kind;
  return [
    defineOperation({
      ...shared,
      method: 'GET',
      path: pathOf(name),
      operationId: `listScim${name}s`,
      summary: `List or find ${noun}s.`,
      query: scimListQuery,
      success: { status: 200, description: 'A part of the list.', schema: scimListOf(resource, `Scim${name}List`) },
      errors: ['filter_invalid'],
      async handle({ services, ctx, query }) {
        const { startIndex, count, filter } = query;
        const request = { filter, startIndex, count, selection: selectionFrom(query) };
        const { total, resources } = await provisioned(services).list(ctx, request);
        return {
          schemas: [listSchema],
          totalResults: total,
          startIndex,
          itemsPerPage: resources.length,
          Resources: resources as z.input<R>[],
        };
      },
    }),

    defineOperation({
      ...shared,
      method: 'GET',
      path: `${pathOf(name)}/{id}`,
      operationId: `getScim${name}`,
      summary: `Read a ${noun}.`,
      params: idParams(named),
      query: scimSelection,
      success: { status: 200, description: `The ${noun}.`, schema: resource },
      otherResponses: { 304: { description: 'It is the version that If-None-Match names.' } },
      async handle({ services, ctx, params, query, request, reply }) {
        const found = await provisioned(services).read(ctx, params.id, selectionFrom(query));
        const body = sent<R>(found, reply);
        if (!versionsIn(request.headers['if-none-match'])?.includes(String(reply.getHeader('etag')))) return body;
        reply.code(304).send();
        return answered;
      },
    }),
  ];
}

function writingOf<R extends z.ZodType, B extends Body>(kind: Kind<R, B>): readonly Operation[] {
  const { name, noun, named, resource, input, provisioned } = kind;
  const one = { ...shared, path: `${pathOf(name)}/{id}`, params: idParams(named) };
  const changed = { status: 200, description: `The ${noun} as it is now.`, schema: resource } as const;
  return [
    defineOperation({
      ...shared,
      method: 'POST',
      path: pathOf(name),
      operationId: `createScim${name}`,
      summary: `Add a ${noun}.`,
      query: scimSelection,
      body: input,
      success: { status: 201, description: `The ${noun} was added.`, schema: resource },
      errors: ['value_taken', ...kind.errors],
      async handle({ services, ctx, query, body, reply }) {
        const made = await provisioned(services).create(ctx, body, selectionFrom(query));
        reply.header('location', `${pathOf(name)}/${String(made['id'])}`);
        return sent<R>(made, reply);
      },
    }),

    defineOperation({
      ...one,
      method: 'PUT',
      operationId: `replaceScim${name}`,
      summary: `Replace a ${noun}.`,
      query: scimSelection,
      body: input,
      success: changed,
      errors: ['value_taken', 'version_mismatch', ...kind.errors],
      async handle({ services, ctx, params, query, body, request, reply }) {
        const change = { id: params.id, ifMatch: ifMatchOf(request), selection: selectionFrom(query) };
        return sent<R>(await provisioned(services).replace(ctx, change, body), reply);
      },
    }),

    defineOperation({
      ...one,
      method: 'PATCH',
      operationId: `patchScim${name}`,
      summary: `Change a ${noun}.`,
      query: scimSelection,
      body: kind.patch,
      success: changed,
      ...(kind.sendsChanged ? {} : { otherResponses: { 204: { description: 'Changed; nothing was asked for.' } } }),
      errors: ['value_taken', 'version_mismatch', ...patchErrors, ...kind.errors],
      async handle({ services, ctx, params, query, body, request, reply }) {
        const isAskedFor = kind.sendsChanged || Object.keys(query).length > 0;
        const selection = isAskedFor ? selectionFrom(query) : { attributes: ['meta'] };
        const change = { id: params.id, ifMatch: ifMatchOf(request), selection };
        const after = sent<R>(await provisioned(services).patch(ctx, change, operationsFrom(body)), reply);
        if (isAskedFor) return after;
        reply.code(204).send();
        return answered;
      },
    }),

    defineOperation({
      ...one,
      method: 'DELETE',
      operationId: `deleteScim${name}`,
      summary: `Delete a ${noun}.`,
      description: kind.deletion,
      success: { status: 204, description: `The ${noun} is gone.` },
      errors: ['version_mismatch', ...kind.errors],
      handle: ({ services, ctx, params, request }) => provisioned(services).remove(ctx, params.id, ifMatchOf(request)),
    }),
  ];
}

function operationsFrom({ Operations }: z.output<typeof scimUserPatch>) {
  // The schema lets these three through, in several spellings.
  return Operations.map(({ op, ...rest }) => ({ op: op.toLowerCase() as 'add' | 'remove' | 'replace', ...rest }));
}

function selectionFrom({ attributes, excludedAttributes }: z.output<typeof scimSelection>): ScimSelection {
  return {
    ...(attributes === undefined ? {} : { attributes }),
    ...(excludedAttributes === undefined ? {} : { excluded: excludedAttributes }),
  };
}

/** A resource with its version in the header. The schema of the answer checks it when it is written. */
function sent<R extends z.ZodType>(resource: ScimResource, reply: FastifyReply): z.input<R> {
  const { meta } = resource;
  const version = typeof meta === 'object' && 'version' in meta ? meta.version : undefined;
  if (typeof version === 'string') reply.header('etag', version);
  return resource as z.input<R>;
}

function ifMatchOf({ headers }: FastifyRequest): readonly string[] | undefined {
  return versionsIn(headers['if-match']);
}

/** The versions that a condition names. */
function versionsIn(header: string | undefined): readonly string[] | undefined {
  return header?.split(',').map((version) => version.trim());
}

/** The operations of SCIM. */
export const scimOperations: readonly Operation[] = [
  ...readingOf(users),
  ...writingOf(users),
  ...readingOf(groups),
  ...writingOf(groups),
];
