/** What a path means for a kind of resource. */

import { type Attribute, attributeNamed, attributesOf, type ResourceType } from './attributes.ts';
import { type Filter, pathFrom } from './filter.ts';
import { pathInvalid, quoted } from './refusals.ts';

/** An attribute, perhaps a selection of its values, perhaps a part of it. */
export interface Target {
  readonly text: string;
  readonly attribute: Attribute;
  readonly filter: Filter | undefined;
  readonly sub: Attribute | undefined;
}

/** The names that a path is made of, its schema taken off the front. */
interface Names {
  readonly attribute: string;
  readonly sub: string | undefined;
}

/** What a client means by a name that this server does not keep. */
export const notKept = Symbol('not kept');

/** The attribute, and the part of it, that a name without brackets means; `undefined` when there is none. */
export function attributeAt(
  type: ResourceType,
  name: string,
): { readonly attribute: Attribute; readonly sub: Attribute | undefined } | typeof notKept | undefined {
  const names = namesIn(type, name);
  const attribute = attributeNamed(attributesOf(type), names.attribute);
  if (attribute === undefined) return isNotKept(type, name, names) ? notKept : undefined;
  if (names.sub === undefined) return { attribute, sub: undefined };
  const sub = attributeNamed(attribute.subAttributes ?? [], names.sub);
  if (sub !== undefined) return { attribute, sub };
  return type.notKept.has(`${attribute.name}.${names.sub}`.toLowerCase()) ? notKept : undefined;
}

/** What a path of a change means. @throws {AppError} path_invalid when it cannot be read or names nothing. */
export function targetFrom(type: ResourceType, text: string): Target | typeof notKept {
  const path = pathFrom(text);
  const found = attributeAt(type, path.attribute);
  if (found === notKept) return notKept;
  if (found === undefined) throw unknown(text);
  if (path.filter === undefined) return { text, ...found, filter: undefined };
  if (found.sub !== undefined || found.attribute.valuesMax === undefined || found.attribute.type !== 'complex') {
    throw pathInvalid(`${quoted(found.attribute.name)} has no values to choose from.`);
  }
  if (path.sub === undefined) return { text, ...found, filter: path.filter };
  const sub = attributeNamed(found.attribute.subAttributes ?? [], path.sub);
  if (sub === undefined) throw unknown(text);
  return { text, attribute: found.attribute, filter: path.filter, sub };
}

function unknown(text: string) {
  return pathInvalid(`The path ${quoted(text)} names no attribute.`);
}

/** Names of schemas hold dots and colons, so they come off first. */
function namesIn({ schema, extensions }: ResourceType, name: string): Names {
  const lower = name.toLowerCase();
  const extension = extensions.find(({ id }) => lower === id.toLowerCase() || lower.startsWith(`${id.toLowerCase()}:`));
  if (extension !== undefined) {
    const rest = name.slice(extension.id.length + 1);
    return { attribute: extension.id, sub: rest === '' ? undefined : rest };
  }
  const isPrefixed = lower.startsWith(`${schema.id.toLowerCase()}:`);
  const [attribute = '', ...rest] = (isPrefixed ? name.slice(schema.id.length + 1) : name).split('.');
  return { attribute, sub: rest.length === 0 ? undefined : rest.join('.') };
}

function isNotKept(type: ResourceType, name: string, { attribute }: Names): boolean {
  const lower = name.toLowerCase();
  return [...type.notKept].some(
    (known) => known === attribute.toLowerCase() || (known.includes(':') && lower.startsWith(known)),
  );
}
