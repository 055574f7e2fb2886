/**
 * What a SCIM resource is made of (RFC 7643), as data, and how values that came in are brought into that form.
 *
 * Names of attributes are looked up in these tables and nowhere else, so nothing that a client writes ever becomes the name
 * of a property: `__proto__` is an attribute that does not exist, like any other.
 */

import { valueInvalid } from './refusals.ts';

/** A value of a resource: only text, truth values, and objects and lists of them. */
export type Value = string | boolean | Complex | readonly Value[];

/** An object whose keys are names of attributes, in the spelling of their definition. */
export interface Complex {
  readonly [name: string]: Value | undefined;
}

/** An attribute, in the words of RFC 7643 section 7; what is left out has the value that is usual. */
export interface Attribute {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'dateTime' | 'reference' | 'complex';
  readonly description: string;
  /** Most values, for an attribute that has several. */
  readonly valuesMax?: number;
  readonly required?: true;
  readonly caseExact?: true;
  readonly readOnly?: true;
  readonly returned?: 'always';
  readonly uniqueness?: 'server';
  readonly referenceTypes?: readonly string[];
  readonly subAttributes?: readonly Attribute[];
}

/** A named set of attributes. */
export interface Schema {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly attributes: readonly Attribute[];
}

/** A kind of resource. */
export interface ResourceType {
  readonly name: 'User' | 'Group';
  readonly endpoint: string;
  readonly description: string;
  readonly schema: Schema;
  readonly extensions: readonly Schema[];
  /** Attributes, and whole schemas, that the standards know and this server does not keep. Lower case. */
  readonly notKept: ReadonlySet<string>;
}

/** Longest text of an attribute. */
export const textLengthMax = 1000;

/** What every resource has beside the attributes of its schema. */
export const commonAttributes: readonly Attribute[] = [
  {
    name: 'schemas',
    type: 'reference',
    description: 'The schemas in use.',
    valuesMax: 10,
    returned: 'always',
    readOnly: true,
  },
  { name: 'id', type: 'string', description: 'Our id.', caseExact: true, returned: 'always', readOnly: true },
  { name: 'externalId', type: 'string', description: 'The id that the provisioning client uses.', caseExact: true },
  {
    name: 'meta',
    type: 'complex',
    description: 'Facts about the resource.',
    readOnly: true,
    subAttributes: [
      { name: 'resourceType', type: 'string', description: 'Kind of the resource.', caseExact: true },
      { name: 'created', type: 'dateTime', description: 'When it was made.' },
      { name: 'lastModified', type: 'dateTime', description: 'When it changed last.' },
      { name: 'location', type: 'reference', description: 'Where it is.', caseExact: true },
      { name: 'version', type: 'string', description: 'Its ETag.', caseExact: true },
    ],
  },
];

/** All attributes of a kind of resource. The attributes of an extension are those of one attribute named like its schema. */
export function attributesOf({ schema, extensions }: ResourceType): readonly Attribute[] {
  const extended = extensions.map(({ id, description, attributes }) => {
    const extension: Attribute = { name: id, type: 'complex', description, subAttributes: attributes };
    return extension;
  });
  return [...commonAttributes, ...schema.attributes, ...extended];
}

/** Finds an attribute by its name, whose case does not matter. */
export function attributeNamed(attributes: readonly Attribute[], name: string): Attribute | undefined {
  const lower = name.toLowerCase();
  return attributes.find((attribute) => attribute.name.toLowerCase() === lower);
}

/**
 * A value in the form of its attribute; `undefined` when it is unassigned, which null, an empty text and an empty list are
 * too. What an object says beside the attributes of its definition, or of attributes that only we write, is left out.
 * @throws {AppError} request_invalid.
 */
export function coerced(attribute: Attribute, value: unknown): Value | undefined {
  const { valuesMax } = attribute;
  if (valuesMax === undefined) return coercedOne(attribute, value);
  if (value === null || value === undefined) return undefined;
  const values = Array.isArray(value) ? value : [value];
  if (values.length > valuesMax) throw valueInvalid(attribute, `has at most ${valuesMax} values`);
  const elements = values.map((one) => coercedOne(attribute, one)).filter((one) => one !== undefined);
  return elements.length === 0 ? undefined : elements;
}

/** One value of an attribute, whether or not it has several. @throws {AppError} request_invalid. */
export function coercedOne(attribute: Attribute, value: unknown): Value | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  if (attribute.type === 'boolean') return coercedBoolean(attribute, value);
  if (attribute.type === 'complex') return coercedComplex(attribute, value);
  if (typeof value !== 'string') throw valueInvalid(attribute, 'must be text');
  if (value.length > textLengthMax) throw valueInvalid(attribute, `has at most ${textLengthMax} characters`);
  if (!value.isWellFormed() || /\p{Cc}/u.test(value)) throw valueInvalid(attribute, 'must have no control characters');
  return value;
}

/** Entra ID writes truth values as the texts "True" and "False". */
function coercedBoolean(attribute: Attribute, value: unknown): boolean {
  const said = typeof value === 'string' ? value.toLowerCase() : value;
  if (said === true || said === 'true') return true;
  if (said === false || said === 'false') return false;
  throw valueInvalid(attribute, 'must be true or false');
}

function coercedComplex(attribute: Attribute, value: unknown): Complex | undefined {
  const { subAttributes = [] } = attribute;
  const ofValue = attributeNamed(subAttributes, 'value');
  // Some clients send the value of an element alone.
  if (typeof value === 'string' && attribute.valuesMax !== undefined && ofValue !== undefined) {
    return { [ofValue.name]: coerced(ofValue, value) };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw valueInvalid(attribute, 'must be an object');
  const fields: [string, Value][] = [];
  for (const [key, field] of Object.entries(value)) {
    const sub = attributeNamed(subAttributes, key);
    if (sub === undefined || sub.readOnly === true) continue;
    const assigned = coerced(sub, field);
    if (assigned !== undefined) fields.push([sub.name, assigned]);
  }
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}
