/** What a server of SCIM says of itself (RFC 7643 sections 5 to 7). */

import type { Attribute, ResourceType, Schema } from './attributes.ts';

/** An attribute as /Schemas shows it. */
export interface AttributeView {
  readonly name: string;
  readonly type: Attribute['type'];
  readonly multiValued: boolean;
  readonly description: string;
  readonly required: boolean;
  readonly caseExact: boolean;
  readonly mutability: 'readOnly' | 'immutable' | 'readWrite';
  readonly returned: 'always' | 'default';
  readonly uniqueness: 'none' | 'server';
  readonly referenceTypes?: string[];
  readonly canonicalValues?: string[];
  readonly subAttributes?: AttributeView[];
}

/** A schema as /Schemas shows it. */
export function schemaView({ id, name, description, attributes }: Schema) {
  return { id, name, description, attributes: attributes.map(attributeView) };
}

function attributeView(attribute: Attribute): AttributeView {
  const { name, type, description, referenceTypes, canonicalValues, subAttributes } = attribute;
  return {
    name,
    type,
    multiValued: attribute.valuesMax !== undefined,
    description,
    required: attribute.required === true,
    caseExact: attribute.caseExact === true,
    mutability: mutabilityOf(attribute),
    returned: attribute.returned ?? 'default',
    uniqueness: attribute.uniqueness ?? 'none',
    ...(referenceTypes === undefined ? {} : { referenceTypes: [...referenceTypes] }),
    ...(canonicalValues === undefined ? {} : { canonicalValues: [...canonicalValues] }),
    ...(subAttributes === undefined ? {} : { subAttributes: subAttributes.map(attributeView) }),
  };
}

function mutabilityOf({ readOnly, immutable }: Attribute): AttributeView['mutability'] {
  if (readOnly === true) return 'readOnly';
  return immutable === true ? 'immutable' : 'readWrite';
}

/** A kind of resource as /ResourceTypes shows it. */
export function resourceTypeView({ name, endpoint, description, schema, extensions }: ResourceType) {
  return {
    id: name,
    name,
    endpoint,
    description,
    schema: schema.id,
    schemaExtensions: extensions.map(({ id }) => ({ schema: id, required: false })),
  };
}
