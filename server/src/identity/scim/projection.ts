/** Which attributes of a resource are sent, as `attributes` and `excludedAttributes` ask (RFC 7644 section 3.9). */

import { attributesOf, type Complex, type ResourceType, type Value } from './attributes.ts';
import { attributeAt, notKept } from './target.ts';

/** What a client asked to see. */
export interface Selection {
  /** Only these, beside what is always sent; all when absent. */
  readonly attributes?: readonly string[];
  /** All but these. */
  readonly excluded?: readonly string[];
}

/** Whether an attribute is sent at all, so that it need not be read otherwise. */
export function isSent(type: ResourceType, { attributes, excluded }: Selection, name: string): boolean {
  const names = (list: readonly string[]) => placesIn(type, list).map(({ attribute }) => attribute);
  if (attributes !== undefined) return names(attributes).includes(name);
  return !placesIn(type, excluded ?? []).some(({ attribute, sub }) => attribute === name && sub === undefined);
}

/** A resource reduced to what was asked for; names that do not exist ask for nothing. */
export function projected(type: ResourceType, resource: Complex, { attributes, excluded }: Selection): Complex {
  const always = attributesOf(type).filter(({ returned }) => returned === 'always');
  const isAlways = (name: string) => always.some((attribute) => attribute.name === name);
  if (attributes !== undefined) {
    const wanted = placesIn(type, attributes);
    return mapped(resource, (name, value) => {
      if (isAlways(name)) return value;
      const places = wanted.filter(({ attribute }) => attribute === name);
      if (places.length === 0) return undefined;
      if (places.some(({ sub }) => sub === undefined)) return value;
      return withParts(value, (part) => places.some(({ sub }) => sub === part));
    });
  }
  const unwanted = placesIn(type, excluded ?? []);
  if (unwanted.length === 0) return resource;
  return mapped(resource, (name, value) => {
    const places = unwanted.filter(({ attribute }) => attribute === name && !isAlways(name));
    if (places.some(({ sub }) => sub === undefined)) return undefined;
    return places.length === 0 ? value : withParts(value, (part) => !places.some(({ sub }) => sub === part));
  });
}

function placesIn(type: ResourceType, names: readonly string[]) {
  return names.flatMap((name) => {
    const found = attributeAt(type, name.trim());
    return found === undefined || found === notKept ? [] : [{ attribute: found.attribute.name, sub: found.sub?.name }];
  });
}

function mapped(resource: Complex, fn: (name: string, value: Value) => Value | undefined): Complex {
  const fields = Object.entries(resource).flatMap(([name, value]) => {
    const after = value === undefined ? undefined : fn(name, value);
    return after === undefined ? [] : [[name, after] as const];
  });
  return Object.fromEntries(fields);
}

function withParts(value: Value, isKept: (part: string) => boolean): Value {
  if (Array.isArray(value)) return (value as readonly Value[]).map((element) => withParts(element, isKept));
  if (typeof value !== 'object') return value;
  return mapped(value as Complex, (part, field) => (isKept(part) ? field : undefined));
}
