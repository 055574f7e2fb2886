/** The web page in a real browser, as a person uses it: sign in, upload, ask, look at the source, see what it cost. */

import { Secret, TOTP } from 'otpauth';
import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { openBrowser, openTab, type Tab } from './support/browser.ts';
import { anyTestDatabase } from './support/database.ts';
import { startUpstream, type Upstream } from './support/upstream/index.ts';

/** Slow enough that an answer is seen to grow, and that it can be stopped. */
const model = 'test-answer?ttft=50&gap=30';

let upstream: Upstream;
let server: TestApp;
let browser: Browser;

beforeAll(async () => {
  upstream = await startUpstream();
  const environment = { OPENAI_BASE_URL: upstream.baseUrl, OPENAI_API_KEY: 'test-key', LLM_MODEL: model };
  [browser, server] = await Promise.all([openBrowser(), startTestApp(anyTestDatabase(), environment)]);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await upstream?.close();
});

const visit = (): Promise<Tab> => openTab(browser, server.baseUrl);

async function signIn(page: Page, role: 'admin' | 'analyst' | 'viewer', password?: string): Promise<void> {
  const user = server.user('acme', role);
  await page.getByLabel('Tenant').fill('acme');
  await page.getByLabel('E-mail').fill(user.email);
  await page.getByLabel('Password', { exact: true }).fill(password ?? user.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function signedIn(role: 'admin' | 'analyst' | 'viewer'): Promise<Tab> {
  const tab = await visit();
  await signIn(tab.page, role);
  await tab.page.getByRole('button', { name: 'Sign out' }).waitFor();
  return tab;
}

async function uploadFile(page: Page, file: { name: string; text: string; title: string }): Promise<void> {
  const { name, text, title } = file;
  await page.getByLabel('File').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  await page.getByLabel('Classification').selectOption('public');
  await page.getByRole('button', { name: 'Upload' }).click();
  const row = page.getByRole('row').filter({ hasText: title });
  await row.getByRole('cell', { name: 'indexed' }).waitFor();
}

async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Question').fill(question);
  await page.getByRole('button', { name: 'Ask' }).click();
}

describe('the web page', () => {
  it('takes a person from sign-in to a cited answer and its cost', async () => {
    const { page, complaints, answerLengths } = await signedIn('analyst');
    expect(await page.locator('#who').textContent()).toBe('Ana Analyst · analyst · Acme');

    const fact = 'The 🙂 observatory on Mount Ferrow opens its dome at 22:15 on clear nights.';
    const text = `# Visiting hours\n\n${fact}\n\nTickets are sold at the gate.\n`;
    await uploadFile(page, { name: 'observatory.md', text, title: 'Visiting hours' });

    await ask(page, 'When does the observatory on Mount Ferrow open its dome?');
    await expect.poll(() => page.locator('#answer-state').textContent()).toMatch(/^Model test-.* · 0\.\d+ US dollars$/);
    expect(await page.locator('#answer-text').textContent()).toContain('22:15');
    expect((await answerLengths()).length).toBeGreaterThan(5);

    const citation = page.getByRole('button', { name: 'Citation 1: show the source' });
    const quote = /“(.+)”$/s.exec((await citation.textContent()) ?? '')?.[1];
    expect(fact).toContain(quote);
    await citation.click();
    await expect.poll(() => page.locator('#source-text mark').textContent()).toBe(quote);
    expect(await page.getByRole('heading', { name: 'Visiting hours' }).isVisible()).toBe(true);

    const day = new Date().toISOString().slice(0, 10);
    const usage = page.locator('#usage-rows tr').filter({ hasText: day });
    await expect.poll(async () => Number(await usage.locator('td').nth(1).textContent())).toBeGreaterThan(0);
    expect(await usage.locator('td').nth(4).textContent()).toMatch(/^0\.\d+$/);
    expect(await complaints()).toEqual([]);
  });

  it('says that a password is wrong, and keeps the person out', async () => {
    const { page, complaints } = await visit();
    await signIn(page, 'viewer', 'not-the-password');
    const notice = page.getByRole('alert');
    await expect.poll(() => notice.textContent()).toMatch(/request req_[0-9a-f]{32}$/);
    expect(await page.getByRole('heading', { name: 'Ask' }).isVisible()).toBe(false);
    await signIn(page, 'viewer');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    expect(await notice.isVisible()).toBe(false);
    // The browser itself notes that the first attempt had status 401.
    expect(await complaints()).toEqual([expect.stringContaining('status of 401')]);
  });

  it('shows markup in documents, titles and answers as text', async () => {
    const { page, complaints } = await signedIn('admin');
    const markup = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
    const title = '<b>bold<i>';
    await uploadFile(page, { name: `${title}.txt`, text: `The password of the greenhouse is ${markup} today.`, title });
    await ask(page, 'What is the password of the greenhouse?');
    const citation = page.getByRole('button', { name: 'Citation 1: show the source' });
    expect(await citation.textContent()).toContain(markup);
    await citation.click();
    await page.locator('#source-text mark').waitFor();
    expect(await page.locator('#source-title').textContent()).toBe(title);

    // Our own server never lets a model say this; the page must bear it all the same.
    const body = `event: token\ndata: ${JSON.stringify({ text: markup })}\n\n`;
    await page.route('**/api/query', (route) => route.fulfill({ contentType: 'text/event-stream', body }), {
      times: 1,
    });
    await ask(page, 'What does a hostile model answer?');
    await expect.poll(() => page.locator('#answer-text').textContent()).toBe(markup);
    expect(await page.locator('main :is(img, script, b, i)').count()).toBe(0);
    expect(await page.title()).toBe('genai-platform');
    expect(await complaints()).toEqual([]);
  });

  it('offers no upload to who may not upload', async () => {
    const { page, complaints } = await signedIn('viewer');
    await expect.poll(() => page.locator('#document-rows tr').count()).toBeGreaterThan(0);
    expect(await page.getByRole('button', { name: 'Upload' }).isVisible()).toBe(false);
    expect(await complaints()).toEqual([]);
  });

  it('stops an answer when asked to, and the model endpoint with it', async () => {
    const { page, complaints } = await signedIn('viewer');
    const before = upstream.aborted();
    await ask(page, 'How many days of paid annual leave does an employee have?');
    await expect.poll(() => page.locator('#answer-text').textContent()).not.toBe('');
    await page.getByRole('button', { name: 'Stop' }).click();
    expect(await page.locator('#answer-state').textContent()).toBe('Stopped.');
    await upstream.whenAborted(before + 1);
    expect(await page.getByRole('alert').isVisible()).toBe(false);
    expect(await complaints()).toEqual([]);
  });

  it('renews an expired access token without asking the person', async () => {
    const { page, complaints } = await signedIn('viewer');
    const expired = { status: 401, contentType: 'application/problem+json', body: '{}' };
    await page.route('**/api/query', (route) => route.fulfill(expired), { times: 1 });
    await ask(page, 'How many days of paid annual leave does an employee have?');
    await expect.poll(() => page.locator('#answer-text').textContent()).toContain('28 days');
    expect(await complaints()).toEqual([expect.stringContaining('status of 401')]);
  });

  it('leaves nothing behind when the person signs out', async () => {
    const { page, complaints } = await signedIn('viewer');
    await ask(page, 'How many days of paid annual leave does an employee have?');
    await expect.poll(() => page.locator('#answer-text').textContent()).toContain('28 days');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    expect(await page.locator('body').innerText()).not.toContain('28 days');
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
    await page.reload();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    expect(await complaints()).toEqual([]);
  });

  it('sets up a second factor, asks for its code from then on, and removes it', async () => {
    const { page, complaints } = await signedIn('viewer');
    const { password } = server.user('acme', 'viewer');
    const account = page.locator('#account');
    await expect.poll(() => page.locator('#factor-state').textContent()).toContain('no second factor');
    await page.locator('#factor-enrol').getByLabel('Your password').fill(password);
    await account.getByRole('button', { name: 'Set up a second factor' }).click();
    await expect.poll(() => page.locator('#factor-secret-text').textContent()).toMatch(/^[A-Z2-7]{32}$/);
    const secret = (await page.locator('#factor-secret-text').textContent()) ?? '';
    expect(await page.locator('#factor-uri').textContent()).toMatch(/^otpauth:/);
    await account.getByLabel('First code').fill(new TOTP({ secret: Secret.fromBase32(secret) }).generate());
    await account.getByRole('button', { name: 'Confirm' }).click();
    await expect.poll(() => page.locator('#factor-recovery-codes li').count()).toBe(10);
    const codes = await page.locator('#factor-recovery-codes li').allTextContents();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    expect(await page.locator('body').textContent()).not.toContain(codes[0]);

    await signIn(page, 'viewer');
    await page.getByLabel('Code of your second factor').fill(codes[0] ?? '');
    expect(await page.getByRole('alert').textContent()).toContain('second factor');
    await page.getByLabel('Tenant').fill('acme');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
    await expect.poll(() => page.locator('#factor-state').textContent()).toContain('9 recovery codes');
    await page.locator('#factor-remove').getByLabel('Your password').fill(password);
    await page
      .locator('#factor-remove')
      .getByLabel('Code')
      .fill(codes[1] ?? '');
    await account.getByRole('button', { name: 'Remove the second factor' }).click();
    await expect.poll(() => page.locator('#factor-state').textContent()).toContain('no second factor');
    expect(await complaints()).toEqual([expect.stringContaining('status of 401')]);
  });

  it('shows where a person is signed in and ends the rest', async () => {
    const first = await signedIn('analyst');
    const second = await signedIn('analyst');
    const rows = second.page.locator('#session-rows tr');
    await expect.poll(() => rows.count()).toBeGreaterThan(1);
    expect(await rows.filter({ hasText: 'this one' }).textContent()).toMatch(/Chrome on \w+.*127\.0\.0\.0\/24/);
    await second.page.getByRole('button', { name: 'End all other sessions' }).click();
    await expect.poll(() => rows.count()).toBe(1);
    await ask(first.page, 'How many days of paid annual leave does an employee have?');
    await expect.poll(() => first.page.getByRole('alert').textContent()).toContain('Your session has ended');
    expect(await second.complaints()).toEqual([]);
  });

  it('changes a password', async () => {
    const { page, complaints } = await signedIn('analyst');
    const { password } = server.user('acme', 'analyst');
    const change = async (current: string, wanted: string) => {
      await page.getByLabel('Current password').fill(current);
      await page.getByLabel('New password').fill(wanted);
      await page.getByRole('button', { name: 'Change the password' }).click();
    };
    await change('not-the-password', 'something else entirely');
    await expect.poll(() => page.getByRole('alert').textContent()).toContain('not your password');
    await change(password, 'something else entirely');
    await expect.poll(() => page.locator('#password-state').textContent()).toContain('changed');
    await change('something else entirely', password);
    await expect.poll(() => page.getByLabel('New password').inputValue()).toBe('');
    expect(await complaints()).toEqual([expect.stringContaining('status of 400')]);
  });

  it('shows nothing but the account to who must set up a second factor first', async () => {
    const { page, complaints } = await visit();
    const held = async (route: Route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), permissions: ['account:write'] } });
    };
    await page.route('**/api/me', held, { times: 1 });
    await signIn(page, 'viewer');
    await page.getByRole('heading', { name: 'Your account' }).waitFor();
    await expect.poll(() => page.locator('#factor-state').textContent()).toContain('no second factor');
    for (const name of ['Ask', 'Documents', 'Usage this month', 'Where you are signed in'])
      expect(await page.getByRole('heading', { name, exact: true }).isVisible(), name).toBe(false);
    expect(await complaints()).toEqual([]);
  });
});
