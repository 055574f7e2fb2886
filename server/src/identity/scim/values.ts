/**
 * Values of attributes: what came in, brought into the form of its definition, and how to look into what we have.
 */

import {
  type Attribute,
  attributeNamed,
  attributesOf,
  type Complex,
  type ResourceType,
  type Value,
} from './attributes.ts';
import { valueInvalid } from './refusals.ts';

/** Longest text of an attribute. */
const textLengthMax = 1000;

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
  const elements = merged(
    attribute,
    [],
    values.map((one) => coercedOne(attribute, one)).filter((one) => one !== undefined),
  );
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

/**
 * The resource that a client sent as a whole. What it says of attributes that there are not, that we do not keep or that
 * only we write is left out.
 * @throws {AppError} request_invalid.
 */
export function resourceFrom(type: ResourceType, body: Readonly<Record<string, unknown>>): Complex {
  const attributes = attributesOf(type);
  const fields = Object.entries(body).flatMap(([name, field]): [string, Value][] => {
    const attribute = attributeNamed(attributes, name);
    const value = attribute === undefined || attribute.readOnly === true ? undefined : coerced(attribute, field);
    return attribute === undefined || value === undefined ? [] : [[attribute.name, value]];
  });
  const resource = Object.fromEntries(fields);
  assertRequired(type, resource);
  return resource;
}

/** @throws {AppError} request_invalid when a resource lacks what it must have. */
export function assertRequired({ schema }: ResourceType, resource: Complex): void {
  const missing = schema.attributes.find(({ name, required }) => required === true && resource[name] === undefined);
  if (missing !== undefined) throw valueInvalid(missing, 'is required');
}

/** The values of an attribute that has several. */
export function elementsOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

/** An object, or one without fields for anything else. */
export function complexOf(value: Value | undefined): Complex {
  return typeof value === 'object' && !Array.isArray(value) ? (value as Complex) : {};
}

/** A text, or nothing for anything else. */
export function textOf(value: Value | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The named attributes of a resource, those that it has. */
export function pick(resource: Complex, names: readonly string[]): Complex {
  return Object.fromEntries(Object.entries(resource).filter(([name]) => names.includes(name)));
}

/**
 * The values of an attribute with further ones. One that is there already takes what the new one says; one that says nothing
 * is none; at most one is the primary one, and that is the last that is said to be it.
 * @throws {AppError} request_invalid when they become too many.
 */
export function merged(attribute: Attribute, before: readonly Value[], given: readonly Value[]): readonly Value[] {
  const elements = new Map<string, Value>();
  for (const element of before) elements.set(identityOf(element), element);
  let primary: string | undefined;
  for (const element of given) {
    const after = typeof element === 'object' ? compact(complexOf(element)) : element;
    if (after === undefined) continue;
    const identity = identityOf(after);
    const known = complexOf(elements.get(identity));
    elements.set(identity, typeof after === 'object' ? { ...known, ...complexOf(after) } : after);
    if (complexOf(after)['primary'] === true) primary = identity;
  }
  const { valuesMax = 0 } = attribute;
  if (elements.size > valuesMax) throw valueInvalid(attribute, `has at most ${valuesMax} values`);
  if (primary === undefined) return [...elements.values()];
  return [...elements].map(([identity, element]) =>
    identity !== primary && complexOf(element)['primary'] === true
      ? { ...complexOf(element), primary: false }
      : element,
  );
}

/** Two values are one when they agree in value and kind. */
export function identityOf(element: Value): string {
  if (typeof element !== 'object') return String(element);
  const { value, type } = complexOf(element);
  return `${typeof value === 'string' ? value.toLowerCase() : ''}\u0000${typeof type === 'string' ? type.toLowerCase() : ''}`;
}

/** An object without fields that have no value; nothing when none is left. */
export function compact(value: Complex): Complex | undefined {
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}
