/**
 * What a SCIM resource is made of (RFC 7643), as data.
 *
 * Names of attributes are looked up in these tables and nowhere else, so nothing that a client writes ever becomes the name
 * of a property: `__proto__` is an attribute that does not exist, like any other.
 */

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
  /** Comes with a new value of the attribute that it is part of, and is not changed by itself. */
  readonly immutable?: true;
  readonly returned?: 'always';
  readonly uniqueness?: 'server';
  readonly referenceTypes?: readonly string[];
  /** Values that there are always; there may be others. */
  readonly canonicalValues?: readonly string[];
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

/** What every resource has beside the attributes of its schema. */
const commonAttributes: readonly Attribute[] = [
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
