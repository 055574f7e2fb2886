import { describe, expect, it } from 'vitest';
import { readFixture } from '../__fixtures__/read-fixture.ts';
import { parseHtml } from './html.ts';

const limits = { pagesMax: 10, textCharactersMax: 1_000_000 };
const parse = (html: string | Buffer) => parseHtml(new Uint8Array(Buffer.from(html)), limits);
const textOf = async (html: string | Buffer) => (await parse(html)).text;

describe('parseHtml', () => {
  it('reads the article of a page, without what is hidden, scripted or around it', async () => {
    const { title, text } = await parseHtml(readFixture('page.html'), limits);
    expect(title).toBe('The fog horn & its keepers');
    expect(text).toContain('It sounds two\u00a0blasts every 90 seconds.\nIn clear weather it is silent');
    expect(text).toContain('\n\nPart\tInterval\nMembrane\ttwo years\nFilter\tsix months\n\n');
    expect(text).toContain('six months\n\nstart compressor\n  wait 90 s\n\nopen valve\n\nWhoever');
    for (const absent of ['script', 'hidden', 'So is', 'navy', 'Home', 'Imprint', 'enable'])
      expect(text).not.toContain(absent);
  });

  it('gives headings where they stand in the text, without the sign that links to them', async () => {
    const { text, headings } = await parseHtml(readFixture('page.html'), limits);
    expect(headings.map(({ title }) => title)).toEqual(['Maintenance']);
    expect(text.slice(headings[0]?.start).startsWith('Maintenance')).toBe(true);
  });

  it('counts offsets in code points', async () => {
    const { text, headings } = await parse('<p>😀😀</p><h2>A</h2><h3>B <em>C</em></h3>');
    expect(text).toBe('😀😀\n\nA\n\nB C');
    expect(headings).toEqual([
      { level: 2, title: 'A', start: 4 },
      { level: 3, title: 'B C', start: 7 },
    ]);
  });

  it('reads pages that hold no article', async () => {
    expect(await textOf('<body><a href="#">One</a><div>Two</div>three</body>')).toMatch(/^One\n+Two\n+three$/);
    expect(await textOf('Just text')).toBe('Just text');
  });

  it('reads the whole page rather than an article that leaves out a good part of it', async () => {
    const paragraph = `<p>${'A sentence, with commas, as articles have them. '.repeat(12)}</p>`;
    const list = `<ul>${'<li>Item of a list</li>'.repeat(80)}</ul>`;
    const text = await textOf(
      `<body><div id="main">${paragraph.repeat(3)}</div><div class="sidebar">${list}</div></body>`,
    );
    expect(text).toContain('A sentence');
    expect(text.match(/Item of a list/g)).toHaveLength(80);
  });

  it('reads text behind the end of the body', async () => {
    const paragraph = `<p>${'A sentence, with commas, as articles have them. '.repeat(12)}</p>`;
    const text = await textOf(`<html><body>Short</body><div><div>${paragraph.repeat(5)}</div></div></html>`);
    expect(text).toMatch(/^Short\n\nA sentence/);
  });

  it('leaves out what is hidden where it reads the whole page', async () => {
    const hidden =
      '<p hidden>one</p><p style="color: red; display:none">two</p><p style="visibility: hidden">three</p>';
    expect(await textOf(`<body>${hidden}<a href="#">Shown</a></body>`)).toBe('Shown');
  });

  it('reads pages that leave out tags', async () => {
    expect(await parse('<!doctype html><title>T</title><p>One<p>Two<ul><li>a<li>b</ul>')).toMatchObject({
      title: 'T',
      text: 'One\n\nTwo\n\na\nb',
    });
    expect(await textOf('<html><head><title>T</title></head><p>One</html>')).toBe('One');
    expect((await parse('<h1>The <b>heading</b></h1><p>x')).title).toBe('The heading');
  });

  it('collapses white space within lines and keeps words apart', async () => {
    expect(await textOf('<p>one\n  two<b> three</b><i>four</i>&nbsp;<b>five</b> </p><p> six')).toBe(
      'one two threefour\u00a0five\n\nsix',
    );
  });

  it('decodes character references and keeps what looks like a tag', async () => {
    expect(await textOf('<p>a &lt;b&gt; &amp; &eacute; &#x1F600;</p>')).toBe('a <b> & é 😀');
  });

  it.each([
    ['a meta element', '<meta charset="windows-1252"><p>', '“Grüße” – 5 €'],
    [
      'a meta element for HTTP',
      '<meta http-equiv=content-type content="text/html; charset=ISO-8859-1"><p>',
      '“Grüße” – 5 €',
    ],
    ['an XML declaration', '<?xml version="1.0" encoding="windows-1252"?><html><body><p>', '“Grüße” – 5 €'],
  ])('reads windows-1252 as declared by %s', async (_, head, text) => {
    const encoded = [...text].map(
      (character) => ({ '“': 0x93, '”': 0x94, '–': 0x96, '€': 0x80 })[character] ?? character.charCodeAt(0),
    );
    expect(await textOf(Buffer.concat([Buffer.from(head), Buffer.from(encoded)]))).toBe(text);
  });

  it('reads other declared encodings, and believes a byte order mark before a declaration', async () => {
    expect(
      await textOf(Buffer.concat([Buffer.from('<meta charset=shift_jis><p>'), Buffer.from([0x93, 0xfa, 0x96, 0x7b])])),
    ).toBe('日本');
    expect(await textOf('\ufeff<meta charset="windows-1252"><p>Grüße')).toBe('Grüße');
    expect(await textOf('<meta charset="utf-16"><p>Grüße')).toBe('Grüße');
  });

  it('refuses an unknown encoding and bytes that do not fit, and says so', async () => {
    await expect(parse('<meta charset="klingon"><p>x')).rejects.toMatchObject({
      code: 'document_unreadable',
      detail: expect.stringContaining('"klingon"'),
    });
    await expect(parse(Buffer.from('<p>caf\xe9', 'latin1'))).rejects.toMatchObject({
      code: 'document_unreadable',
      detail: expect.stringContaining('cut off'),
    });
    await expect(parse(Buffer.from('<p>caf\xe9 x', 'latin1'))).rejects.toMatchObject({
      detail: expect.stringContaining('Byte 6'),
    });
  });

  it('calls a page without text empty', async () => {
    await expect(parse('<html><body><script>x()</script><img src=a.png></body></html>')).rejects.toMatchObject({
      code: 'document_empty',
    });
  });
});
