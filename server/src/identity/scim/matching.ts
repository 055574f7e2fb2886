/** Whether a value of an attribute passes a filter that stands in the path of a change. */

import { type Attribute, attributeNamed, type Complex, type Value } from './attributes.ts';
import type { Filter, Test } from './filter.ts';
import { filterInvalid, quoted } from './refusals.ts';
import { coerced } from './values.ts';

/** Says of an element whether it passes. */
export type Predicate = (element: Complex) => boolean;

/**
 * A filter over the parts of an attribute's values. It is read once, however many values there are.
 * @throws {AppError} filter_invalid when the filter names a part that there is not, request_invalid when it compares one with
 * what it cannot be.
 */
export function predicateFrom(attribute: Attribute, filter: Filter): Predicate {
  switch (filter.op) {
    case 'and':
    case 'or': {
      const operands = filter.operands.map((operand) => predicateFrom(attribute, operand));
      return filter.op === 'and'
        ? (element) => operands.every((passes) => passes(element))
        : (element) => operands.some((passes) => passes(element));
    }
    case 'not': {
      const passes = predicateFrom(attribute, filter.operand);
      return (element) => !passes(element);
    }
    case 'some':
      throw filterInvalid(`${quoted(filter.path)} has no values to choose from.`);
    default:
      return predicateOfTest(attribute, filter);
  }
}

function predicateOfTest({ subAttributes = [] }: Attribute, test: Test): Predicate {
  const sub = attributeNamed(subAttributes, test.path);
  if (sub === undefined) throw filterInvalid(`There is no ${quoted(test.path)} to filter by.`);
  if (test.op === 'pr') return (element) => element[sub.name] !== undefined;
  const { op } = test;
  const wanted = comparable(sub, coerced(sub, test.value));
  return (element) => compare(op, comparable(sub, element[sub.name]), wanted);
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
  switch (op) {
    case 'co':
      return actual.includes(wanted);
    case 'sw':
      return actual.startsWith(wanted);
    case 'ew':
      return actual.endsWith(wanted);
    case 'gt':
      return actual > wanted;
    case 'ge':
      return actual >= wanted;
    case 'lt':
      return actual < wanted;
    case 'le':
      return actual <= wanted;
    default:
      return op satisfies never;
  }
}
