/**
 * The OpenAPI 3.1 document of the operations, generated from the schemas that the server validates with.
 *
 * Pure, and needs no running server: the reference in docs/ and the page at /docs are made from it.
 */

import { z } from 'zod';
import packageJson from '../../package.json' with { type: 'json' };
import { type ErrorCode, errorCodes } from '../errors.ts';
import type {
  Content,
  JsonSchema,
  OpenApiDocument,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiResponse,
} from './openapi.ts';
import { type Operation, type ResponseSpec, tags } from './operation.ts';
import { openAiError, problem, scimError } from './schemas/errors.ts';
import { dialects, surfaceOf } from './surfaces.ts';

/** Describes operations. Throws when two different schemas have one name. */
export function openApiDocument(operations: readonly Operation[]): OpenApiDocument {
  const schemas = createSchemas();
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const operation of operations) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: describe(operation, schemas),
    };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'genai-platform',
      version: packageJson.version,
      summary: 'Question answering over your documents, and an OpenAI-compatible gateway, for many tenants.',
    },
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: schemas.named, securitySchemes, headers, parameters: sharedParameters },
  };
}

const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An access token from login, or an API key (`sk-gen-…`).' },
  apiKeyHeader: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
    description: 'An API key, for clients of the gateway that send it so.',
  },
  operatorKey: { type: 'http', scheme: 'bearer', description: 'An operator key (`op-gen-…`).' },
  metricsToken: { type: 'http', scheme: 'bearer', description: 'METRICS_TOKEN, where that is set.' },
};

const text = { type: 'string' };
const headers = {
  'x-request-id': { description: 'Names the request in logs and reports.', schema: text },
  ratelimit: {
    description: 'What is left of each rate; x-ratelimit-* say the same in the form of the OpenAI API.',
    schema: text,
  },
  'ratelimit-policy': { description: 'The rates that apply.', schema: text },
  'retry-after': {
    description: 'Seconds to wait; retry-after-ms says it in milliseconds.',
    schema: { type: 'integer' },
  },
};

const sharedParameters = {
  'x-tenant-id': {
    name: 'x-tenant-id',
    in: 'header',
    required: false,
    description: 'Repeats, by id or slug, the tenant of the credential; any other is refused and recorded.',
    schema: { type: 'string', 'x-names': ['tenant.id', 'tenant.slug'] },
  },
} satisfies Record<string, OpenApiParameter>;

const headerRefs = (...names: (keyof typeof headers)[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

function describe(operation: Operation, schemas: Schemas): OpenApiOperation {
  const { access, path, body, bodyMediaType, success, otherResponses = {} } = operation;
  const { accepts, answers } = dialects[surfaceOf(path)];
  const bodyTypes = bodyMediaType === undefined ? accepts : [bodyMediaType];
  return {
    operationId: operation.operationId,
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    tags: [operation.tag],
    'x-permission': typeof access === 'object' ? access.permission : access,
    ...(operation.needs === undefined ? {} : { 'x-needs': operation.needs }),
    ...(operation.refusals === undefined ? {} : { 'x-refusals': operation.refusals }),
    security: securityOf(operation),
    parameters: [
      ...parameters(operation.params, 'path', schemas),
      ...parameters(operation.query, 'query', schemas),
      ...(access === 'public' ? [] : [{ $ref: '#/components/parameters/x-tenant-id' }]),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: contentOf(bodyTypes, schemas.of(body, 'input')) } }),
    responses: {
      [success.status]: response(success, answers, schemas),
      ...Object.fromEntries(
        Object.entries(otherResponses).map(([status, spec]) => [status, response(spec, answers, schemas)]),
      ),
      ...errorResponses(operation, schemas),
    },
  };
}

function securityOf({ access, monitoring, path }: Operation): OpenApiOperation['security'] {
  if (monitoring === 'token') return [{ metricsToken: [] }, {}];
  if (access === 'public') return [];
  if (access === 'operator') return [{ operatorKey: [] }];
  return surfaceOf(path) === 'gateway' ? [{ bearer: [] }, { apiKeyHeader: [] }] : [{ bearer: [] }];
}

function parameters(fields: z.ZodObject | undefined, place: 'path' | 'query', schemas: Schemas): OpenApiParameter[] {
  if (fields === undefined) return [];
  const { properties = {}, required = [] } = schemas.of(fields, 'input');
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

/** The same body under each of several media types. */
function contentOf(mediaTypes: readonly string[], schema: JsonSchema): Content {
  return Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }]));
}

function response(
  { description, schema, mediaTypes = [] }: ResponseSpec,
  answers: string,
  schemas: Schemas,
): OpenApiResponse {
  const json = schema === undefined ? {} : contentOf([answers], schemas.of(schema, 'output'));
  const content = { ...json, ...contentOf(mediaTypes, {}) };
  return {
    description,
    headers: headerRefs('x-request-id', 'ratelimit', 'ratelimit-policy'),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
}

/** The codes that an operation can answer with: those it names, and those that follow from its access and input. */
export function errorCodesOf(operation: Operation): readonly ErrorCode[] {
  const { access, monitoring, params, query, body, path, errors = [] } = operation;
  const isLimited = monitoring === undefined;
  const codes: ErrorCode[] = [
    ...(query !== undefined || body !== undefined || path.startsWith('/api/') ? (['request_invalid'] as const) : []),
    ...(body === undefined ? [] : (['body_malformed', 'body_too_large', 'media_type_unsupported'] as const)),
    ...(access === 'public' && monitoring !== 'token' ? [] : (['authentication_required'] as const)),
    ...(access === 'public' ? [] : (['cross_tenant_access', 'request_timeout', 'server_draining'] as const)),
    ...(access === 'operator' || typeof access === 'object' ? (['permission_denied'] as const) : []),
    ...(params === undefined ? [] : (['resource_not_found'] as const)),
    ...errors,
    ...(isLimited ? (['rate_limit_exceeded', 'dependency_unavailable'] as const) : []),
    'internal_error',
  ];
  return [...new Set(codes)];
}

const errorSchemas = { api: problem, gateway: openAiError, scim: scimError };

function errorResponses(operation: Operation, schemas: Schemas): Record<string, OpenApiResponse> {
  const surface = surfaceOf(operation.path);
  const content = contentOf([dialects[surface].errors], schemas.of(errorSchemas[surface], 'output'));
  const byStatus = Map.groupBy(errorCodesOf(operation), (code) => errorCodes[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => errorCodes[code].title).join(' '),
        headers: headerRefs('x-request-id', ...(status === 429 || status === 503 ? (['retry-after'] as const) : [])),
        content,
        'x-error-codes': codes,
      },
    ]),
  );
}

interface Schemas {
  readonly named: Record<string, JsonSchema>;
  readonly of: (schema: z.ZodType, io: 'input' | 'output') => JsonSchema;
}

/** Converts schemas; those with an id become components and are referred to. */
function createSchemas(): Schemas {
  const named: Record<string, JsonSchema> = {};
  return {
    named,
    of(schema, io) {
      // As a field of something, a schema with an id is referred to like any other.
      const { properties, $defs = {} } = z.toJSONSchema(z.object({ it: schema }), {
        io,
        unrepresentable: 'any',
        override({ jsonSchema }) {
          // Clients must expect fields that a later version adds to an answer.
          if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
          // The format says it; the pattern that checks leap years helps nobody.
          if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
        },
      });
      for (const [id, definition] of Object.entries($defs)) addNamed(id, withComponentRefs(definition as JsonSchema));
      return withComponentRefs((properties as Record<string, JsonSchema>)['it'] ?? {});
    },
  };

  function addNamed(id: string, schema: JsonSchema): void {
    const known = named[id];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`Two different schemas are named ${id}; what comes in and what goes out may differ.`);
    }
    named[id] = schema;
  }
}

function withComponentRefs(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;
}
