/**
 * Reads filters and paths (RFC 7644 sections 3.4.2.2 and 3.5.2).
 *
 * Linear in the length of the text, and bounded in depth and number of comparisons. The result is data; what it may ask for
 * is decided where it is used.
 */

import type { AppError } from '../../errors.ts';
import { filterInvalid, pathInvalid, quoted } from './refusals.ts';

const comparisons = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const;

/** How a value is compared. */
export type Comparison = (typeof comparisons)[number];

/** A comparison of an attribute with a value, or, with `pr`, whether it has any. */
export type Test =
  | { readonly op: Comparison; readonly path: string; readonly value: string | number | boolean | null }
  | { readonly op: 'pr'; readonly path: string };

/** A filter. `some` holds when one value of an attribute that has several passes the filter. */
export type Filter =
  | Test
  | { readonly op: 'and' | 'or'; readonly operands: readonly Filter[] }
  | { readonly op: 'not'; readonly operand: Filter }
  | { readonly op: 'some'; readonly path: string; readonly filter: Filter };

/** The target of a change: an attribute, perhaps only those of its values that pass a filter, perhaps a part of it. */
export interface Path {
  readonly attribute: string;
  readonly filter: Filter | undefined;
  /** The name behind the brackets. */
  readonly sub: string | undefined;
}

const filterLengthMax = 4000;
const depthMax = 10;
const testsMax = 50;

interface Token {
  readonly kind: 'word' | 'literal' | 'mark' | 'end';
  readonly text: string;
}

const space = /[ \t]*/y;
// The alternatives of each expression begin differently, so none of them is tried twice at one place.
const kinds = [
  ['mark', /[()[\]]/y],
  ['literal', /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y],
  ['word', /\.?[A-Za-z$][\w$.:-]*/y],
] as const;
const end: Token = { kind: 'end', text: '' };

/** A filter from its text. @throws {AppError} filter_invalid. */
export function filterFrom(text: string): Filter {
  const reader = createReader(text, filterInvalid);
  const filter = reader.filter();
  reader.assertEnd();
  return filter;
}

/** The target of a change from its text. @throws {AppError} path_invalid. */
export function pathFrom(text: string): Path {
  const reader = createReader(text, pathInvalid);
  const path = reader.path();
  reader.assertEnd();
  return path;
}

type Refuse = (message: string) => AppError;

function tokensOf(text: string, refuse: Refuse): Token[] {
  if (text.length > filterLengthMax) throw refuse(`Use at most ${filterLengthMax} characters.`);
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const [found = ''] = pattern.exec(text) ?? [];
    at += found.length;
    return found;
  };
  for (take(space); at < text.length; take(space)) {
    const start = at;
    for (const [kind, pattern] of kinds) {
      const found = at === start ? take(pattern) : '';
      if (found !== '') tokens.push({ kind, text: found });
    }
    if (at === start) throw refuse(`This cannot be read: ${quoted(text.slice(at))}.`);
  }
  return tokens;
}

/** Recursive descent over the tokens: `or` binds weakest, then `and`, then `not`. */
function createReader(text: string, refuse: Refuse) {
  const tokens = tokensOf(text, refuse);
  let at = 0;
  let depth = 0;
  let tests = 0;

  const peek = () => tokens[at] ?? end;
  const isNext = (expected: string) => peek().kind !== 'literal' && peek().text.toLowerCase() === expected;
  const next = () => {
    const token = peek();
    at += 1;
    return token;
  };
  const expectMark = (mark: string) => {
    const token = next();
    if (token.text !== mark || token.kind !== 'mark') throw refuse(`There is no ${mark} before ${place(token)}.`);
  };

  function joined(op: 'and' | 'or', operand: () => Filter): Filter {
    const operands = [operand()];
    while (isNext(op)) {
      next();
      operands.push(operand());
    }
    return operands.length === 1 && operands[0] !== undefined ? operands[0] : { op, operands };
  }

  const filter = (): Filter => joined('or', () => joined('and', term));

  function nested(): Filter {
    depth += 1;
    if (depth > depthMax) throw refuse(`Use at most ${depthMax} levels of brackets.`);
    const inner = filter();
    depth -= 1;
    return inner;
  }

  function term(): Filter {
    if (isNext('not')) {
      next();
      return { op: 'not', operand: inBrackets() };
    }
    return isNext('(') ? inBrackets() : test();
  }

  function inBrackets(): Filter {
    expectMark('(');
    const inner = nested();
    expectMark(')');
    return inner;
  }

  /** What stands in the square brackets behind an attribute. */
  function selection(): Filter {
    expectMark('[');
    const inner = nested();
    expectMark(']');
    return inner;
  }

  function test(): Filter {
    const path = attributeName();
    if (isNext('[')) {
      const inner = selection();
      // emails[type eq "work"].value eq "a@b.c" asks for one value that passes both.
      if (!peek().text.startsWith('.')) return { op: 'some', path, filter: inner };
      const also = comparison(next().text.slice(1));
      return { op: 'some', path, filter: { op: 'and', operands: [inner, also] } };
    }
    return comparison(path);
  }

  function comparison(path: string): Test {
    tests += 1;
    if (tests > testsMax) throw refuse(`Use at most ${testsMax} comparisons.`);
    const token = next();
    const op = token.text.toLowerCase();
    if (op === 'pr') return { op, path };
    const known = comparisons.find((name) => name === op);
    if (known === undefined) throw refuse(`${place(token)} is no comparison; use ${comparisons.join(', ')} or pr.`);
    return { op: known, path, value: compared() };
  }

  function compared(): string | number | boolean | null {
    const token = next();
    const isConstant = token.kind === 'word' && /^(true|false|null)$/i.test(token.text);
    if (token.kind !== 'literal' && !isConstant)
      throw refuse(`${place(token)} is no value; texts stand in double quotes.`);
    try {
      return JSON.parse(isConstant ? token.text.toLowerCase() : token.text) as string | number | boolean | null;
    } catch {
      throw refuse(`${place(token)} is not written like a value of JSON.`);
    }
  }

  function attributeName(): string {
    const token = next();
    if (token.kind !== 'word' || token.text.startsWith('.')) throw refuse(`${place(token)} is no attribute.`);
    return token.text;
  }

  function path(): Path {
    const attribute = attributeName();
    const inner = isNext('[') ? selection() : undefined;
    const sub = inner !== undefined && peek().text.startsWith('.') ? next().text.slice(1) : undefined;
    return { attribute, filter: inner, sub };
  }

  return {
    filter,
    path,
    assertEnd() {
      if (peek() !== end) throw refuse(`Nothing is expected at ${place(peek())}.`);
    },
  };
}

function place({ kind, text }: Token): string {
  return kind === 'end' ? 'its end' : quoted(text);
}
