/** Whether a value of an attribute passes a filter that stands in the path of a change. */

import { type Attribute, attributeNamed, type Complex, type Value } from './attributes.ts';
import type { Filter, Test } from './filter.ts';
import { filterInvalid, quoted } from './refusals.ts';
import { coerced } from './values.ts';

/**
 * Whether an element passes a filter over its parts.
 * @throws {AppError} filter_invalid when the filter names a part that there is not, or compares it with what it cannot be.
 */
export function passes(attribute: Attribute, element: Complex, filter: Filter): boolean {
  switch (filter.op) {
    case 'and':
      return filter.operands.every((operand) => passes(attribute, element, operand));
    case 'or':
      return filter.operands.some((operand) => passes(attribute, element, operand));
    case 'not':
      return !passes(attribute, element, filter.operand);
    case 'some':
      throw filterInvalid(`${quoted(filter.path)} has no values to choose from.`);
    default:
      return passesTest(attribute, element, filter);
  }
}

function passesTest({ subAttributes = [] }: Attribute, element: Complex, test: Test): boolean {
  const sub = attributeNamed(subAttributes, test.path);
  if (sub === undefined) throw filterInvalid(`There is no ${quoted(test.path)} to filter by.`);
  const actual = element[sub.name];
  if (test.op === 'pr') return actual !== undefined;
  return compare(test.op, comparable(sub, actual), comparable(sub, coerced(sub, test.value)));
}

type Comparable = string | boolean | undefined;

function comparable(sub: Attribute, value: Value | undefined): Comparable {
  if (typeof value === 'object') throw filterInvalid(`${sub.name} cannot be compared.`);
  return typeof value === 'string' && sub.caseExact !== true ? value.toLowerCase() : value;
}

function compare(op: Exclude<Test['op'], 'pr'>, actual: Comparable, wanted: Comparable): boolean {
  if (op === 'eq') return actual === wanted;
  if (op === 'ne') return actual !== wanted;
  if (typeof actual !== 'string' || typeof wanted !== 'string') return false;
  const outcomes = {
    co: actual.includes(wanted),
    sw: actual.startsWith(wanted),
    ew: actual.endsWith(wanted),
    gt: actual > wanted,
    ge: actual >= wanted,
    lt: actual < wanted,
    le: actual <= wanted,
  };
  return outcomes[op];
}
