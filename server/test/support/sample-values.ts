/** Valid values for JSON schemas, so that tests can call operations that nobody wrote a body for. */

/** The part of JSON schema that our zod schemas come out as. */
export interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly 'x-names'?: readonly string[];
}

/** What a value names, such as `user.id`, and a value for it. */
export type NamedValues = (reference: string) => unknown;

/** A valid value; with all optional fields when asked for, else with none. */
export function sampleOf(schema: JsonSchema, namedValues: NamedValues, complete: boolean, root = schema): unknown {
  const sample = (part: JsonSchema) => sampleOf(part, namedValues, complete, root);
  const named = schema['x-names']?.map(namedValues).find((value) => value !== undefined);
  if (named !== undefined) return named;
  if (schema.$ref !== undefined) return sample(root.$defs?.[schema.$ref.replace('#/$defs/', '')] ?? {});
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf?.[0] !== undefined) return sample(schema.anyOf[0]);
  switch (schema.type) {
    case 'object': {
      const fields = Object.entries(schema.properties ?? {});
      const given = fields.filter(([name]) => complete || schema.required?.includes(name) === true);
      return Object.fromEntries(given.map(([name, field]) => [name, sample(field)]));
    }
    case 'array':
      return Array.from({ length: Math.max(schema.minItems ?? 0, 1) }, () => sample(schema.items ?? {}));
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, 1);
    case 'boolean':
      return false;
    case 'string':
      return textFor(schema);
    default:
      return null;
  }
}

const texts = ['sample', 'replace', 'sample-1', '123456', 'A sample of a text.'];

function textFor({ pattern, allOf = [], minLength = 0 }: JsonSchema): string {
  const patterns = [pattern, ...allOf.map((part) => part.pattern)].filter((one) => one !== undefined);
  const fits = (text: string) => patterns.every((one) => new RegExp(one, 'u').test(text));
  const text = texts.map((one) => one.padEnd(minLength, 'x')).find(fits);
  if (text === undefined) throw new Error(`Say in sample-values.ts what fits ${patterns.join(' and ')}.`);
  return text;
}
