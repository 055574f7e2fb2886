import { expect, test } from 'vitest';
import { findCurl, findKey, misquotes } from './quickstart-output.ts';

test('the printed command is found whole, without colours and without what surrounds it', () => {
  const curl = `curl -s http://127.0.0.1:8000/api/query \\\n    -H 'authorization: Bearer key_1' \\\n    -d '{"question":"?"}'`;
  expect(findCurl(`ready\n\n  \u001b[1m${curl}\u001b[0m\n\nlogs\n`)).toBe(curl);
  expect(findKey(curl)).toBe('key_1');
});

test('a command that is still being printed is not found', () => {
  expect(findCurl('  curl -s http://127.0.0.1')).toBeUndefined();
  expect(findCurl('  curl -s http://127.0.0.1 \\\n')).toBeUndefined();
  expect(findCurl('no such line: curl\n')).toBeUndefined();
});

const text = async () => '😀 The limit is 20 days.';
const citation = { document_id: 'doc_1', start: 2, end: 11, quote: 'The limit' };

test('a quote that stands at its code points is right', async () => {
  expect(await misquotes({ answer: 'Yes.', citations: [citation] }, text)).toEqual([]);
});

test('an empty answer, no citation, and a quote that stands elsewhere are wrong', async () => {
  expect(await misquotes({ answer: '', citations: [citation] }, text)).toHaveLength(1);
  expect(await misquotes({ answer: 'Yes.', citations: [] }, text)).toHaveLength(1);
  expect(await misquotes({ answer: 'Yes.', citations: [{ ...citation, start: 3, end: 12 }] }, text)).toHaveLength(1);
  expect(await misquotes({ answer: 'Yes.', citations: [{ ...citation, end: 2, quote: '' }] }, text)).toHaveLength(1);
});
