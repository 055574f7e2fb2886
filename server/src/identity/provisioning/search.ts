/**
 * Filters as conditions of SQL.
 *
 * An attribute is searched only where a table here says how; its value is always a parameter. A condition narrows a
 * statement that sees one tenant, so that no filter reaches further.
 */

import { and, eq, gt, gte, lt, lte, not, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Attribute, ResourceType } from '../scim/attributes.ts';
import { type Comparison, type Filter, filterFrom, type Test } from '../scim/filter.ts';
import { filterInvalid, quoted } from '../scim/refusals.ts';
import { attributeAt, notKept } from '../scim/target.ts';
import { coercedOne } from '../scim/values.ts';

/** How an attribute is searched. */
export type Search =
  /** Text; `lower` where the column holds lower case only, `any` where case is there and does not matter. */
  | { readonly kind: 'text'; readonly column: PgColumn | SQL; readonly case: 'exact' | 'lower' | 'any' }
  | { readonly kind: 'flag'; readonly holds: SQL }
  | { readonly kind: 'time'; readonly column: PgColumn }
  /** Text that only equality can be asked of: where it is the value, and whether there is one. */
  | { readonly kind: 'equality'; readonly equals: (value: string) => SQL; readonly isPresent: SQL };

/** The attributes that can be searched, by the name of the attribute, and of its part after a dot. */
export type Searchable = ReadonlyMap<string, Search>;

/** A filter as a condition; `undefined` for none. @throws {AppError} filter_invalid or request_invalid. */
export function conditionFrom(type: ResourceType, searchable: Searchable, text: string | undefined): SQL | undefined {
  return text === undefined ? undefined : conditionOf(filterFrom(text));

  function conditionOf(filter: Filter): SQL {
    switch (filter.op) {
      case 'and':
        return and(...filter.operands.map(conditionOf)) ?? sql`true`;
      case 'or':
        return or(...filter.operands.map(conditionOf)) ?? sql`false`;
      case 'not':
        // A comparison with nothing is not true, and its opposite is.
        return not(sql`coalesce(${conditionOf(filter.operand)}, false)`);
      case 'some':
        return conditionOfSome(filter.path, filter.filter);
      default:
        return conditionOfTest(filter);
    }
  }

  function conditionOfSome(path: string, filter: Filter): SQL {
    switch (filter.op) {
      case 'and':
      case 'or':
      case 'not':
      case 'some':
        throw filterInvalid('Inside square brackets only one comparison can be searched for.');
      default:
        return conditionOfTest({ ...filter, path: `${path}.${filter.path}` });
    }
  }

  function conditionOfTest(test: Test): SQL {
    const found = attributeAt(type, test.path);
    const isKnown = found !== undefined && found !== notKept;
    const key = isKnown ? [found.attribute.name, ...(found.sub === undefined ? [] : [found.sub.name])].join('.') : '';
    const search = searchable.get(key);
    if (!isKnown || search === undefined) {
      const names = [...searchable.keys()].join(', ');
      throw filterInvalid(`${quoted(test.path)} cannot be searched; use one of ${names}.`);
    }
    return searched(search, found.sub ?? found.attribute, test);
  }
}

function searched(search: Search, attribute: Attribute, test: Test): SQL {
  if (test.op === 'pr') return presenceOf(search);
  if (test.value === null) {
    if (test.op !== 'eq' && test.op !== 'ne') throw unsupported(attribute, test.op);
    return test.op === 'eq' ? not(presenceOf(search)) : presenceOf(search);
  }
  if (search.kind === 'time') return timeCondition(search.column, attribute, test.op, String(test.value));
  const value = coercedOne(search.kind === 'flag' ? attribute : { ...attribute, type: 'string' }, test.value);
  if (search.kind === 'flag') return equality(attribute, test.op, value === true ? search.holds : not(search.holds));
  const text = typeof value === 'string' ? value : '';
  if (search.kind === 'equality') return equality(attribute, test.op, search.equals(text));
  return textCondition(search, attribute, test.op, text);
}

function presenceOf(search: Search): SQL {
  if (search.kind === 'equality') return search.isPresent;
  return search.kind === 'flag' ? sql`true` : sql`${search.column} is not null`;
}

function equality(attribute: Attribute, op: Comparison, equals: SQL): SQL {
  if (op === 'eq') return equals;
  if (op === 'ne') return not(sql`coalesce(${equals}, false)`);
  throw unsupported(attribute, op);
}

function textCondition(
  search: Extract<Search, { kind: 'text' }>,
  attribute: Attribute,
  op: Comparison,
  value: string,
): SQL {
  const column = search.case === 'any' ? sql`lower(${search.column})` : sql`${search.column}`;
  const wanted =
    search.case === 'any'
      ? sql`lower(${value}::text)`
      : sql`${search.case === 'lower' ? value.toLowerCase() : value}::text`;
  switch (op) {
    case 'eq':
      return sql`${column} = ${wanted}`;
    case 'ne':
      return sql`${column} is distinct from ${wanted}`;
    case 'co':
      return sql`strpos(${column}, ${wanted}) > 0`;
    case 'sw':
      return sql`starts_with(${column}, ${wanted})`;
    case 'ew':
      return sql`right(${column}, length(${wanted})) = ${wanted}`;
    default:
      throw unsupported(attribute, op);
  }
}

function timeCondition(column: PgColumn, attribute: Attribute, op: Comparison, text: string): SQL {
  const time = new Date(text);
  const isTime = /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(time.getTime());
  if (!isTime) throw filterInvalid(`${attribute.name} is compared with a time such as "2026-01-31T12:00:00Z".`);
  const comparisons = { eq, gt, ge: gte, lt, le: lte };
  if (op === 'ne') return not(eq(column, time));
  if (op === 'co' || op === 'sw' || op === 'ew') throw unsupported(attribute, op);
  return comparisons[op](column, time);
}

function unsupported({ name }: Attribute, op: Comparison) {
  return filterInvalid(`${name} cannot be searched with ${op}.`);
}
