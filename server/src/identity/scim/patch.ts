/**
 * Changes of a resource by operations on its attributes (RFC 7644 section 3.5.2), as Entra ID and Okta write them.
 *
 * Pure: gives a changed copy or throws, never half of a change. Values already there are not added twice; removing what is
 * not there does nothing; at most one value of an attribute is the primary one.
 */

import { type Attribute, attributeNamed, type Complex, type ResourceType, type Value } from './attributes.ts';
import type { Filter } from './filter.ts';
import { predicateFrom } from './matching.ts';
import { attributeReadOnly, pathInvalid, targetMissing, valueInvalid } from './refusals.ts';
import { notKept, type Target, targetFrom } from './target.ts';
import { assertRequired, coerced, coercedOne, compact, complexOf, elementsOf, identityOf, merged } from './values.ts';

/** One change. */
export interface Operation {
  readonly op: 'add' | 'remove' | 'replace';
  /** Left out, the value names attributes and what becomes of each. */
  readonly path?: string | undefined;
  readonly value?: unknown;
}

/**
 * The resource after all operations, in their order.
 * @throws {AppError} request_invalid, path_invalid, filter_invalid, target_missing or attribute_read_only.
 */
export function patched(type: ResourceType, resource: Complex, operations: readonly Operation[]): Complex {
  let current = resource;
  for (const operation of operations) {
    if (operation.path !== undefined) {
      const target = targetFrom(type, operation.path);
      if (target !== notKept) current = applied(current, target, operation);
      continue;
    }
    if (operation.op === 'remove') throw targetMissing('');
    for (const [path, value] of fieldsOf(operation.value)) {
      const target = targetFrom(type, path);
      // Whole resources are sent back with what we wrote into them.
      if (target === notKept || target.attribute.readOnly === true || target.sub?.readOnly === true) continue;
      current = applied(current, target, { op: operation.op, value });
    }
  }
  assertRequired(type, current);
  return current;
}

function fieldsOf(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw valueInvalid({ name: 'value' }, 'must be an object where there is no path');
  }
  return Object.entries(value);
}

function applied(resource: Complex, target: Target, operation: Operation): Complex {
  const { attribute, filter, sub } = target;
  if (attribute.readOnly === true || sub?.readOnly === true || sub?.immutable === true)
    throw attributeReadOnly(sub ?? attribute, 'is not written by clients');
  const before = resource[attribute.name];
  if (filter !== undefined)
    return withValue(resource, attribute, selected(target, filter, elementsOf(before), operation));
  if (sub !== undefined) return withValue(resource, attribute, withSub(attribute, before, sub, operation));
  return withValue(resource, attribute, whole(attribute, before, operation));
}

/** A change of an attribute as such. */
function whole(attribute: Attribute, before: Value | undefined, { op, value }: Operation): Value | undefined {
  if (attribute.valuesMax !== undefined) return manyValues(attribute, elementsOf(before), { op, value });
  if (op === 'remove') return undefined;
  const after = coerced(attribute, value);
  // What a complex value does not mention stays.
  return attribute.type === 'complex' && after !== undefined ? { ...complexOf(before), ...complexOf(after) } : after;
}

function manyValues(attribute: Attribute, before: readonly Value[], { op, value }: Operation): readonly Value[] {
  const given = elementsOf(coerced(attribute, value));
  if (op === 'replace') return merged(attribute, [], given);
  if (op === 'add') return merged(attribute, before, given);
  // Entra ID names what it removes in the value, not in the path.
  if (value === undefined || value === null) return [];
  const gone = new Set(given.map(identityOf));
  return before.filter((element) => !gone.has(identityOf(element)));
}

/** A change of the values that pass a filter, or of one part of each. */
function selected(
  { text, attribute, sub }: Target,
  filter: Filter,
  before: readonly Value[],
  { op, value }: Operation,
): readonly Value[] {
  const passes = predicateFrom(attribute, filter);
  const chosen: Value[] = [];
  const others: Value[] = [];
  for (const element of before) (passes(complexOf(element)) ? chosen : others).push(element);
  if (op === 'remove' && (sub === undefined || chosen.length === 0)) return others;
  const change = changeOf(attribute, sub, op === 'remove' ? undefined : value);
  if (chosen.length > 0)
    return merged(
      attribute,
      others,
      chosen.map((element) => ({ ...complexOf(element), ...change })),
    );
  // A value that is to have one property is made with it: emails[type eq "work"].value where there was no such address.
  const described = describedBy(attribute, filter);
  if (described === undefined || sub === undefined) throw targetMissing(text);
  return merged(attribute, before, [{ ...described, ...change }]);
}

/** What becomes of the parts of an element; a part that is unassigned is named with no value. */
function changeOf(attribute: Attribute, sub: Attribute | undefined, value: unknown): Complex {
  if (sub !== undefined) return { [sub.name]: coerced(sub, value) };
  return complexOf(coercedOne(attribute, value));
}

/** The one element that a filter of the form `attribute eq value` describes. */
function describedBy(attribute: Attribute, filter: Filter): Complex | undefined {
  if (filter.op !== 'eq') return undefined;
  const sub = attributeNamed(attribute.subAttributes ?? [], filter.path);
  const value = sub && coerced(sub, filter.value);
  return sub === undefined || value === undefined ? undefined : { [sub.name]: value };
}

/** A change of a part of a complex value, or of that part of each of several. */
function withSub(
  attribute: Attribute,
  before: Value | undefined,
  sub: Attribute,
  { op, value }: Operation,
): Value | undefined {
  if (attribute.type !== 'complex') throw pathInvalid(`${attribute.name} has no parts.`);
  const change = { [sub.name]: op === 'remove' ? undefined : coerced(sub, value) };
  if (attribute.valuesMax === undefined) return { ...complexOf(before), ...change };
  return merged(
    attribute,
    [],
    elementsOf(before).map((element) => ({ ...complexOf(element), ...change })),
  );
}

function withValue(resource: Complex, attribute: Attribute, value: Value | undefined): Complex {
  const { [attribute.name]: _, ...others } = resource;
  const isEmpty = Array.isArray(value) && value.length === 0;
  const after = attribute.valuesMax === undefined && typeof value === 'object' ? compact(complexOf(value)) : value;
  return after === undefined || isEmpty ? others : { ...others, [attribute.name]: after };
}
