/** Chromium for tests of the web page. It reports everything that a person would find in its developer tools. */

import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { inject } from 'vitest';

/** Nothing that looks for updates or other machines. The library adds `--headless` and, for root, `--no-sandbox`. */
const browserArguments = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** How long a test waits for a page to react, in milliseconds. */
const patienceMs = 15_000;

/** Starts the browser. Rejects where there is none: a test that cannot run has not passed. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: inject('chromiumPath'), args: browserArguments });
}

/** A tab with storage of its own. */
export interface Tab {
  readonly page: Page;
  /** What the browser complained about since the last call: policy violations, errors, requests to other hosts. */
  readonly complaints: () => Promise<readonly string[]>;
  /** The lengths that the text of the answer had, each once, as it grew. */
  readonly answerLengths: () => Promise<readonly number[]>;
}

/** Opens a tab at an address. */
export async function openTab(browser: Browser, address: string): Promise<Tab> {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const heard: string[] = [];
  page.on('pageerror', (error) => heard.push(`script: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) heard.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith('data:')) heard.push(`to ${request.url()}`);
  });
  await page.addInitScript({ path: join(import.meta.dirname, 'page-probe.js') });
  await page.goto(address);
  return {
    page,
    complaints: async () => [...heard.splice(0), ...(await page.evaluate<string[]>('violations.splice(0)'))],
    answerLengths: () => page.evaluate<number[]>('answerLengths'),
  };
}
