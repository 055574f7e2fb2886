import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExtractPassage, extractSentences } from './extract.ts';

const handbook: ExtractPassage = {
  title: 'Employee handbook',
  text: [
    '## Annual leave',
    'Every employee has 28 days of paid leave per calendar year. Unused days lapse at the end of March.',
    '',
    '## Travel',
    'The daily allowance for meals is 42 euros. Trains are booked in second class.',
  ].join('\n'),
};
const security: ExtractPassage = {
  title: 'Security policy',
  text: 'Passwords have at least 14 characters. Every employee locks the screen when leaving the desk.',
};

const answers = (question: string, ...passages: ExtractPassage[]) =>
  extractSentences(question, passages).map(({ text }) => text);

describe('extracted sentences', () => {
  it('answer the question, word for word, with their place', () => {
    const [first, ...others] = extractSentences('What is the meal allowance?', [handbook, security]);
    expect(first).toMatchObject({ passage: 0, text: 'The daily allowance for meals is 42 euros.' });
    expect(handbook.text.slice(first?.start, first?.end)).toBe(first?.text);
    expect(others).toEqual([]);
  });

  it('match other forms of the words of the question', () => {
    expect(answers('How long must my password be in characters?', handbook, security)).toEqual([
      'Passwords have at least 14 characters.',
    ]);
  });

  it.each(['What is the capital of France?', 'How do I bake bread?', 'What is it?', '', '???'])(
    'are none when nothing is relevant: %s',
    (question) => {
      expect(answers(question, handbook, security)).toEqual([]);
    },
  );

  it('are none without passages or text', () => {
    expect(answers('What is the meal allowance?')).toEqual([]);
    expect(answers('What is the meal allowance?', { title: 'Meal allowance', text: ' \n' })).toEqual([]);
  });

  it('find the answer below its heading or question when it repeats none of its words', () => {
    const faq =
      'Where do you ship to?\nAll countries of the European Union.\n\nHow long is the warranty?\nTwo years from the purchase.';
    expect(answers('How long is the warranty?', { title: 'FAQ', text: faq })).toEqual(['Two years from the purchase.']);
  });

  it('count the title of the document', () => {
    const text = 'The coat is short and dense. The eyes of adults are green.';
    const question = 'What coat does a Russian Blue have?';
    expect(answers(question, { title: 'Russian Blue', text })).toEqual(['The coat is short and dense.']);
    expect(answers(question, { title: 'Cattle', text })).toEqual([]);
  });

  it('come from a similar passage sooner than from a dissimilar one', () => {
    const text = 'The account limit applies per calendar month.';
    const question = 'What limit applies to transfers?';
    expect(answers(question, { title: 'Bank', text, similarity: 0.6 })).toEqual([text]);
    expect(answers(question, { title: 'Bank', text, similarity: 0.1 })).toEqual([]);
  });

  it('come once when passages overlap or documents have versions', () => {
    const copy = { ...handbook, title: 'Employee handbook 2023' };
    expect(answers('What is the meal allowance?', handbook, copy)).toEqual([
      'The daily allowance for meals is 42 euros.',
    ]);
  });

  it('are whole where the passage next to it has the sentence cut', () => {
    const cut = { title: 'Handbook', text: 'allowance for meals is 42 euros. Trains are booked in second class.' };
    expect(answers('What is the meal allowance?', cut, handbook)).toEqual([
      'The daily allowance for meals is 42 euros.',
    ]);
  });

  it('come both when they differ in a number', () => {
    const versions = ['2023', '2024'].map((year, place) => ({
      title: `Handbook ${year}`,
      text: `Every full-time employee has ${28 + place} days of paid annual leave per calendar year, wherever they work.`,
    }));
    expect(answers('How many days of paid annual leave do employees have?', ...versions)).toHaveLength(2);
  });

  it('prefer what was found first when both say as much', () => {
    const text = 'The office closes at six.';
    const [closing, hours] = extractSentences('When does the office close?', [
      { title: 'Office', text },
      { title: 'Office', text: 'The other office closes later, at eight.' },
    ]);
    expect(closing).toMatchObject({ text });
    expect(hours?.score ?? 0).toBeLessThan(closing?.score ?? 0);
  });

  it('are at most three, in the order of the text', () => {
    const bans = ['no cars', 'no smoking', 'no noise', 'no dogs'];
    const text = [
      ...bans.map((ban) => `A rule of the garage is ${ban}.`),
      'The garage rules for parking are new.',
    ].join(' ');
    const found = extractSentences('What are the parking rules of the garage?', [{ title: 'Rules', text }]);
    expect(found).toHaveLength(3);
    expect(found.at(-1)).toMatchObject({ text: 'The garage rules for parking are new.' });
    expect(Math.max(...found.map(({ score }) => score))).toBe(found.at(-1)?.score);
  });

  it('are slices of their passage with a score in range, for any question and text', () => {
    const anyText = fc.oneof(fc.lorem({ mode: 'sentences' }), fc.string({ unit: 'binary' }));
    const anyPassage = fc.record({
      title: anyText,
      text: anyText,
      similarity: fc.option(fc.double({ min: -1, max: 1, noNaN: true }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.lorem({ maxCount: 4 }), fc.array(anyPassage, { maxLength: 4 }), (question, passages) => {
        for (const { passage, start, end, text, score } of extractSentences(question, passages)) {
          expect(passages[passage]?.text.slice(start, end)).toBe(text);
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
