import { describe, expect, it } from 'vitest';
import { detectFormat } from './detect-format.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const unsupported = expect.objectContaining({
  code: 'media_type_unsupported',
  detail: expect.stringContaining('text/markdown'),
});

describe('detectFormat', () => {
  it.each([
    ['notes.txt', undefined, 'text'],
    ['notes.TXT', 'application/octet-stream', 'text'],
    ['README', undefined, 'text'],
    ['README', 'text/plain; charset=utf-8', 'text'],
    ['archive.tar/README', undefined, 'text'],
    ['a.b.md', 'text/html', 'markdown'],
    ['guide', 'text/markdown', 'markdown'],
    ['page.htm', 'text/plain', 'html'],
    ['page', 'text/html;charset=utf-8', 'html'],
    ['unknown.ending', 'text/plain', 'text'],
  ])('takes %s (%s) for %s', (filename, mediaType, format) => {
    expect(detectFormat(filename, mediaType, bytes('Hello'))).toBe(format);
  });

  it('knows a page without a name by its beginning', () => {
    expect(detectFormat('', undefined, bytes('\n<!DOCTYPE html><p>Hello'))).toBe('html');
    expect(detectFormat('', undefined, bytes('<p>Hello'))).toBe('text');
  });

  it('takes for a PDF what begins like one, whatever it is called', () => {
    for (const name of ['report.pdf', 'report.txt', 'report.docx', 'report']) {
      expect(detectFormat(name, 'text/plain', bytes('%PDF-1.7\n%\0'))).toBe('pdf');
    }
  });

  it('accepts bytes before the mark of a PDF only where it is called one', () => {
    expect(detectFormat('report.pdf', undefined, bytes('\r\n\r\n%PDF-1.4'))).toBe('pdf');
    expect(detectFormat('report.md', undefined, bytes('A file begins with %PDF-1.4'))).toBe('markdown');
  });

  it('refuses a PDF that does not begin like one', () => {
    expect(() => detectFormat('report.pdf', undefined, bytes('<html>Not found</html>'))).toThrow(
      expect.objectContaining({ code: 'document_unreadable', detail: expect.stringContaining('%PDF-') }),
    );
  });

  it.each(['report.docx', 'photo.png', 'data.json', 'page.rtf'])('refuses %s, saying what is supported', (filename) => {
    expect(() => detectFormat(filename, 'application/octet-stream', bytes('{}'))).toThrow(unsupported);
  });

  it('refuses binary content under the name of a text', () => {
    for (const name of ['notes.txt', 'guide.md', 'page.html', 'README']) {
      expect(() => detectFormat(name, 'text/plain', bytes('PK\u0003\u0004\u0000\u0000'))).toThrow(unsupported);
    }
  });

  it('does not take UTF-16 with a byte order mark for binary', () => {
    expect(detectFormat('notes.txt', undefined, new Uint8Array([0xff, 0xfe, 0x48, 0, 0x69, 0]))).toBe('text');
    expect(detectFormat('notes.txt', undefined, new Uint8Array([0xfe, 0xff, 0, 0x48, 0, 0x69]))).toBe('text');
  });
});
