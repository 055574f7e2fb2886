/**
 * HTML: the text a reader would see, line by line, with its title and headings.
 *
 * Navigation and other furniture of the page is left out where that can be told from the text. Must never run scripts or
 * load anything.
 */
import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom/worker';
import { decodeHtml } from './decode.ts';
import { type PageNode, renderPage, textNodeType } from './html-text.ts';
import { type DocumentParser, documentFromDraft } from './parser.ts';

interface PageElement extends PageNode {
  getAttribute(name: string): string | null;
  remove(): void;
}

interface Page extends PageNode {
  readonly documentElement: PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
}

/** What is never shown as text, or only works as a control. */
const invisible = 'script, style, template, noscript, iframe, object, svg, select, datalist, button, dialog, [hidden]';

/** Where links and notices stand that are the same on every page of a site. */
const furniture = new Set(['A', 'NAV', 'HEADER', 'FOOTER', 'ASIDE', 'FORM']);

/**
 * How much of a page's running text its article must hold to stand for it. Where Readability finds less, it has more often
 * missed text (on 6 % of the pages of Debian's manuals that were tried) than removed clutter.
 */
const articleShareMin = 0.9;

/** Reads an HTML page. Throws `document_unreadable` when it does not fit the encoding that it declares. */
export const parseHtml: DocumentParser = async (bytes, limits) => {
  const source = decodeHtml(bytes);
  const page = pageFrom(source);
  const title = page.querySelector('title')?.textContent ?? page.querySelector('h1')?.textContent ?? null;
  const content = articleOf(page) ?? pageFrom(source);
  return documentFromDraft({ title, ...renderPage(content) }, limits);
};

function pageFrom(source: string): Page {
  let page: Page = parseHTML(source).document;
  // The tags of html and body may be left out; this parser does not put them in.
  if (page.documentElement?.tagName !== 'HTML' || !page.querySelector('body')) {
    page = parseHTML(`<html><body>${source}</body></html>`).document;
  }
  for (const element of page.querySelectorAll(invisible)) element.remove();
  for (const element of page.querySelectorAll('[style]')) {
    if (/display\s*:\s*none|visibility\s*:\s*hidden/i.test(element.getAttribute('style') ?? '')) element.remove();
  }
  return page;
}

/** The main text of a page, if there clearly is one. Takes the page apart. */
function articleOf(page: Page): PageElement | undefined {
  const proseLength = proseLengthOf(page);
  const article = readableArticle(page);
  return article && proseLengthOf(article) >= articleShareMin * proseLength ? article : undefined;
}

function readableArticle(page: Page): PageElement | null | undefined {
  try {
    return new Readability<PageElement>(page, { serializer: (node) => node }).parse()?.content;
  } catch {
    // It stumbles over pages that are built in an unusual way, such as with text behind the end of the body.
    return undefined;
  }
}

/** How many characters stand outside of links and furniture. */
function proseLengthOf(node: PageNode): number {
  if (node.nodeType === textNodeType) return node.textContent?.replace(/\s+/g, ' ').trim().length ?? 0;
  if (furniture.has(node.tagName ?? '')) return 0;
  let length = 0;
  for (const child of node.childNodes) length += proseLengthOf(child);
  return length;
}
