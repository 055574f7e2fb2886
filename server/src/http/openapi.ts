/** The shape of an OpenAPI 3.1 document, as far as this server makes and reads one. */

import type { ErrorCode } from '../errors.ts';

/** A JSON Schema, as far as we look into it. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  /** What a value names: fields of kinds of things, such as `document.id`. */
  readonly 'x-names'?: readonly string[];
}

/** Bodies by media type. */
export type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

/** A parameter of a path, query or header. */
export interface OpenApiParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

/** An answer. */
export interface OpenApiResponse {
  readonly description: string;
  readonly content?: Content;
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly 'x-error-codes'?: readonly ErrorCode[];
}

/** An operation as the document describes it. */
export interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  /** Name of the permission, or `authenticated`, `operator`, `public`. */
  readonly 'x-permission': string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  /** What the operation needs to succeed that no server has by itself. */
  readonly 'x-needs'?: string;
  /** The codes with which it refuses as long as that is missing. */
  readonly 'x-refusals'?: readonly ErrorCode[];
  readonly parameters: readonly (OpenApiParameter | { readonly $ref: string })[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
}

/** The document. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly summary: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly parameters: Readonly<Record<string, OpenApiParameter>>;
  };
}
