import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sentencesFromPassage } from './sentences.ts';

const quotes = (text: string) => sentencesFromPassage(text).map(({ start, end }) => text.slice(start, end));

describe('sentences of prose', () => {
  it.each([
    'Dr. Smith met Prof. Jones of St. Louis at 9 a.m. in the U.S. embassy.',
    'He paid $3.50 (approx. 4 euros) for version 2.0 of the tool.',
    'See Fig. 3 and no. 12 for the details, e.g. The Times of London.',
    '"Really?" he asked in the middle of it.',
    'J. K. Rowling wrote all of it.',
    'The plan was signed on 3 Jan. 2024 in Vienna.',
  ])('do not end at an abbreviation: %s', (sentence) => {
    const next = 'The next sentence stands alone.';
    expect(quotes(`${sentence} ${next}`)).toEqual([sentence, next]);
  });

  it('end where an abbreviation ends them', () => {
    expect(quotes('She works for the Acme Inc. The answer they gave is no. Then they went home.')).toEqual([
      'She works for the Acme Inc.',
      'The answer they gave is no.',
      'Then they went home.',
    ]);
  });

  it('go on over a line break, and end with their paragraph', () => {
    expect(quotes('A refund is possible\nwithin 30 days. Later\nit is not granted\n\nWrite to the help desk.')).toEqual(
      ['A refund is possible\nwithin 30 days.', 'Later\nit is not granted', 'Write to the help desk.'],
    );
  });

  it('are found in languages without spaces', () => {
    expect(quotes('日本の首都は東京です。人口は約1400万人です。')).toEqual([
      '日本の首都は東京です。',
      '人口は約1400万人です。',
    ]);
  });

  it('know when the edge of the passage cuts them', () => {
    const whole = sentencesFromPassage('of an earlier sentence here. One that is whole. The last one that is').map(
      ({ isWhole }) => isWhole,
    );
    expect(whole).toEqual([false, true, false]);
  });

  it('end before a footnote mark, and keep a number that stands alone', () => {
    expect(quotes('Rowling wrote all[3] of it.[12] The rules are these. 5. Nobody may enter.')).toEqual([
      'Rowling wrote all[3] of it.',
      'The rules are these.',
      '5. Nobody may enter.',
    ]);
  });

  it('are not scraps, and not listings without an end', () => {
    expect(quotes(`Yes, of course. ${'word '.repeat(300)}.`)).toEqual([]);
  });
});

describe('Markdown', () => {
  it('never yields headings, questions, code or rules, but keeps what introduces a sentence as its context', () => {
    const text = [
      '# Billing guide for all customers',
      '',
      '## Refunds and the way to get them',
      'Ask the help desk for one.',
      '',
      'How do I cancel my subscription?',
      'Open the settings and choose Cancel.',
      '',
      '```sh',
      'this is code and not a sentence.',
      '```',
      'Titles that are underlined as well',
      '---',
      'The trial takes 14 days.',
    ].join('\n');
    expect(sentencesFromPassage(text).map(({ start, end, context }) => [text.slice(start, end), context])).toEqual([
      ['Ask the help desk for one.', 'Billing guide for all customers Refunds and the way to get them'],
      [
        'Open the settings and choose Cancel.',
        'Billing guide for all customers Refunds and the way to get them How do I cancel my subscription?',
      ],
      ['The trial takes 14 days.', 'Titles that are underlined as well'],
    ]);
  });

  it('yields list items without their marker, in the context of the lead-in', () => {
    const text =
      'The plan includes:\n- support around the clock\n- export\n\n2) a manager of your own\n• training for new users';
    expect(quotes(text)).toEqual(['support around the clock', 'a manager of your own', 'training for new users']);
    const sentences = sentencesFromPassage(text);
    expect(sentences.map(({ context }) => context)).toEqual(Array(3).fill('The plan includes:'));
    expect(sentences.map(({ isWhole }) => isWhole)).toEqual(Array(3).fill(true));
  });

  it('yields table rows, in the context of the table head', () => {
    const text = '| Tier | Share |\n|:-----|------:|\n| Enterprise | 50 % |\n| Free | |\n';
    expect(sentencesFromPassage(text).map(({ start, end, context }) => [text.slice(start, end), context])).toEqual([
      ['Enterprise | 50 %', 'Tier | Share'],
    ]);
  });

  it('takes a short line above other text for a heading, and a lone one for a sentence', () => {
    expect(quotes('Terms of payment in detail\n\nInvoices are due within ten days.')).toEqual([
      'Invoices are due within ten days.',
    ]);
    expect(quotes('Invoices are due within ten days')).toEqual(['Invoices are due within ten days']);
  });
});

it('gives trimmed, ordered, disjoint slices for any text', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.lorem({ mode: 'sentences', maxCount: 3 }),
    fc.constantFrom(
      '# Head',
      '- an item of a list',
      '| a | b |',
      '|---|---|',
      '```',
      '---',
      'Dr. ',
      '> quoted words of old',
      '',
    ),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const text = lines.join('\n');
      let previousEnd = 0;
      for (const { start, end } of sentencesFromPassage(text)) {
        expect(start).toBeGreaterThanOrEqual(previousEnd);
        expect(text.slice(start, end).trim()).toHaveLength(end - start);
        expect(end).toBeGreaterThan(start);
        previousEnd = end;
      }
    }),
    { numRuns: 500 },
  );
});
