import { describe, expect, it } from 'vitest';
import { termsFromText } from './terms.ts';

describe('terms', () => {
  it('leave function words and question words out', () => {
    expect(termsFromText('What is the task of the board, and who are they?')).toEqual(['task', 'board']);
  });

  it.each([
    ['charge charges charged charging', 'charg'],
    ['plan plans planned planning', 'plan'],
    ['policy policies', 'policy'],
    ['class classes', 'class'],
    ["minister ministers minister's ministers'", 'minister'],
    ['ＣＯＳＴ Cost costs', 'cost'],
  ])('are the same for the forms of a word: %s', (forms, term) => {
    expect(new Set(termsFromText(forms))).toEqual(new Set([term]));
  });

  it.each([
    ['ring bus analysis status', ['ring', 'bus', 'analysis', 'status']],
    ['seed bed sing', ['seed', 'bed', 'sing']],
    ['E1234s v2.0', ['e1234s', 'v2.0']],
  ])('keep words that only look inflected: %s', (text, terms) => {
    expect(termsFromText(text)).toEqual(terms);
  });

  it('come one by one from text without spaces', () => {
    expect(termsFromText('東京の人口')).toEqual(['東京', 'の', '人口']);
  });
});
