/**
 * The words of a text that carry meaning, in a form that compares: normalised, without function words, lightly stemmed.
 *
 * Promises: the same terms for the same text, in order, with repetitions. Function words and endings are English; other
 * languages get their plain words (Chinese, Japanese and Thai are segmented by the ICU dictionary).
 */

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** Words that say nothing about the subject of a question. */
const functionWords = new Set(
  `a about above after again all also am an and any are as at be because been before being below between both but by can
  could did do does doing down during each either else ever every few for from further get gets got had has have having he
  her here hers him his how i if in into is it its itself just let like many may me might mine more most much must my no
  nor not of off on once one only or other our ours out over own please same shall she should so some such tell than that
  the their theirs them then there these they this those through to too under until up us very was we were what when where
  whether which while who whom whose why will with would you your yours
  define describe explain far find give happen happens know long mean means often show want`.split(/\s+/),
);

/** The terms of a text. */
export function termsFromText(text: string): string[] {
  const terms: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text.normalize('NFKC').toLowerCase())) {
    const word = segment.replace(/['’]s?$/, '');
    if (isWordLike && !functionWords.has(word)) terms.push(stem(word));
  }
  return terms;
}

/**
 * Takes the endings off that questions and answers vary most: plural, -ed, -ing, final e. Far weaker than a
 * Porter stemmer on purpose: it must not merge words of different meaning, since terms decide whether we answer at all.
 */
function stem(word: string): string {
  if (/\p{N}/u.test(word) || word.length < 4) return word;
  let root = word;
  if (root.endsWith('ies') && root.length > 4) root = `${root.slice(0, -3)}y`;
  else if (/[^s]s$/.test(root) && !/(?:us|is)$/.test(root)) root = root.slice(0, -1);
  const ending = /(?:ed|ing)$/.exec(root)?.[0];
  if (
    ending !== undefined &&
    /[aeiouy].*[^aeiou]$|[aeiou]{2}$/.test(root.slice(0, -ending.length)) &&
    root.length - ending.length >= 3
  ) {
    root = root.slice(0, -ending.length).replace(/([bdgklmnprt])\1$/, '$1');
  }
  return root.length > 3 ? root.replace(/e$/, '') : root;
}
