import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '../../errors.ts';
import { type Filter, filterFrom, pathFrom } from './filter.ts';

const anyPath = fc
  .stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}(\.[a-z]{1,5})?$/)
  .filter((name) => !/^(and|or|not)$/i.test(name));
const anyValue = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
);
const anyTest: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({
    op: fc.constantFrom('eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'),
    path: anyPath,
    value: anyValue,
  }),
  fc.record({ op: fc.constant('pr'), path: anyPath }),
);
const { filter: anyFilter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    anyTest,
    fc.record({ op: fc.constantFrom('and', 'or'), operands: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }) }),
    fc.record({ op: fc.constant('not'), operand: tie('filter') }),
    fc.record({ op: fc.constant('some'), path: anyPath, filter: tie('filter') }),
  ),
}));

/** A filter as a client might write it. */
function written(filter: Filter): string {
  switch (filter.op) {
    case 'and':
    case 'or':
      return filter.operands.map((one) => `(${written(one)})`).join(`  ${filter.op.toUpperCase()} `);
    case 'not':
      return `Not (${written(filter.operand)} )`;
    case 'some':
      return `${filter.path}[ ${written(filter.filter)}]`;
    case 'pr':
      return `${filter.path} PR`;
    default:
      return `${filter.path} ${filter.op} ${JSON.stringify(filter.value)}`;
  }
}

describe('a filter', () => {
  it('is read as it was meant', () => {
    fc.assert(
      fc.property(anyFilter, (filter) => {
        expect(filterFrom(written(filter))).toEqual(filter);
      }),
      { numRuns: 1000 },
    );
  });

  it('binds not before and, and and before or', () => {
    const pr = (path: string) => ({ op: 'pr', path });
    expect(filterFrom('a pr or b pr and not (c pr) or d pr')).toEqual({
      op: 'or',
      operands: [pr('a'), { op: 'and', operands: [pr('b'), { op: 'not', operand: pr('c') }] }, pr('d')],
    });
    expect(filterFrom('emails[type eq "work"].value co "@"')).toEqual({
      op: 'some',
      path: 'emails',
      filter: {
        op: 'and',
        operands: [
          { op: 'eq', path: 'type', value: 'work' },
          { op: 'co', path: 'value', value: '@' },
        ],
      },
    });
  });

  it('of any text is read or refused with a code, in time that grows no faster than the text', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc
        .array(
          fc.constantFrom(
            'a',
            ' eq ',
            '"',
            '\\',
            '(',
            ')',
            '[',
            ']',
            ' and ',
            ' or ',
            'not ',
            '.',
            '1',
            '-',
            ':',
            '\n',
            ' pr',
          ),
          { maxLength: 40 },
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        for (const read of [filterFrom, pathFrom]) {
          try {
            read(text);
          } catch (error) {
            if (!isAppError(error, 'filter_invalid') && !isAppError(error, 'path_invalid')) throw error;
          }
        }
      }),
      { numRuns: 5000 },
    );
    const started = performance.now();
    for (const part of ['"', '\\', '\n', '"\\', '(', 'a eq "', '""', ' ', 'a.', '[', '1e', '-']) {
      for (const prefix of ['', 'a eq "', 'a eq ', 'a[', 'not (']) {
        const text = prefix + part.repeat(Math.floor(3900 / part.length));
        expect(() => filterFrom(text)).toThrow();
      }
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
