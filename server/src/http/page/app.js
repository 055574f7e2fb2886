/**
 * The page: sign in, upload, ask, see what it cost. It talks to the public API only.
 *
 * Everything that comes from the server is set as text, never as markup. Tokens live in memory and are gone on reload.
 */

import { connectAccount, forgetAccount, showAccount } from './account.js';

const element = (id) => document.getElementById(id);
const pollMs = 1000;
const usageLooksMax = 10;

let tokens;
let renewing;
let stopAsking;
let pollTimer;

/** A failed request, with what the server said about it. */
class RequestError extends Error {
  constructor(status, problem) {
    super(
      [
        problem.detail ?? problem.errors?.[0]?.message ?? problem.title ?? `The server answered ${status}.`,
        problem.request_id,
      ]
        .filter(Boolean)
        .join(' — request '),
    );
    this.status = status;
    this.code = problem.code;
  }
}

async function send(path, options = {}, token = tokens?.access_token) {
  const credential = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(path, { ...options, headers: { ...options.headers, ...credential } });
  if (response.ok) return response;
  throw new RequestError(response.status, await response.json().catch(() => ({})));
}

/** Sends a request of somebody who is signed in; an expired access token is renewed once. */
async function call(path, options) {
  if (tokens === undefined) throw new DOMException('Signed out.', 'AbortError');
  const { access_token: used } = tokens;
  try {
    return await send(path, options, used);
  } catch (error) {
    if (error.status !== 401 || tokens === undefined) throw error;
    if (tokens.access_token === used) await renew();
    return send(path, options);
  }
}

/** Renews the tokens; whoever asks meanwhile shares the answer, since a refresh token works once. */
function renew() {
  renewing ??= (async () => {
    try {
      const answer = await fetch('/api/auth/refresh', json({ refresh_token: tokens.refresh_token }));
      if (!answer.ok) throw new RequestError(answer.status, { detail: 'Your session has ended. Sign in again.' });
      tokens = await answer.json();
    } finally {
      renewing = undefined;
    }
  })();
  return renewing;
}

const json = (body) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** Runs what a person asked for, and says when it failed. */
function guarded(action) {
  return async (event) => {
    event?.preventDefault();
    element('notice').hidden = true;
    try {
      await action(event);
    } catch (error) {
      if (error.name === 'AbortError') return;
      element('notice').textContent = error.message;
      element('notice').hidden = false;
    }
  };
}

async function signIn(event) {
  const { tenant, email, password, code } = Object.fromEntries(new FormData(event.target));
  const body = { email, password, ...(tenant === '' ? {} : { tenant }), ...(code === '' ? {} : { code }) };
  try {
    tokens = await (await send('/api/auth/login', json(body))).json();
  } catch (error) {
    if (error.code === 'second_factor_required') askForCode(true);
    throw error;
  }
  askForCode(false);
  event.target.reset();
  await enter();
}

/** Sends the browser to the identity provider of the tenant. */
async function signInElsewhere() {
  const tenant = element('sign-in').querySelector('[name=tenant]').value.trim();
  if (tenant === '') throw new Error('Name your tenant first.');
  location.assign(`/api/auth/oidc/${encodeURIComponent(tenant)}`);
}

/** Ends a sign-in through an identity provider: its code, or what failed, stands behind the # of the address. */
async function comeBack() {
  const told = new URLSearchParams(location.hash.slice(1));
  const code = told.get('sign-in');
  const error = told.get('sign-in-error');
  if (code === null && error === null) return;
  // A code works once; it has no business in the history.
  history.replaceState(null, '', location.pathname);
  if (error !== null) {
    const isAway = error === 'dependency_unavailable';
    const detail = isAway
      ? 'Your organisation could not be reached. Try again later.'
      : 'Your organisation did not sign you in.';
    throw new RequestError(401, { detail, request_id: told.get('request') });
  }
  tokens = await (await send('/api/auth/oidc/exchange', json({ code }))).json();
  await enter();
}

/** Shows the field for the code of the second factor, or hides it. */
function askForCode(isAsked) {
  element('code-field').hidden = !isAsked;
  if (isAsked) element('code-field').querySelector('input').focus();
}

async function enter() {
  const me = await (await call('/api/me')).json();
  element('who').textContent = `${me.user.name} · ${me.user.role} · ${me.tenant.name}`;
  element('upload').hidden = !me.permissions.includes('documents:write');
  // Whoever must have a second factor and has none can only set one up.
  const isHeldUp = !me.permissions.includes('documents:read') && me.permissions.includes('account:write');
  show(true, isHeldUp);
  await Promise.all([showAccount(me), ...(isHeldUp ? [] : [showDocuments(), showUsage()])]);
}

async function signOut() {
  const { access_token: token } = tokens;
  // From here on nothing that is still under way sends another request.
  tokens = undefined;
  stopAsking?.abort();
  clearTimeout(pollTimer);
  for (const id of ['answer', 'source']) element(id).hidden = true;
  forgetAccount();
  show(false);
  await send('/api/auth/logout', { method: 'POST' }, token);
}

function show(isSignedIn, isHeldUp = false) {
  element('sign-in').hidden = isSignedIn;
  for (const id of ['who', 'sign-out', 'account']) element(id).hidden = !isSignedIn;
  for (const id of ['ask', 'documents', 'usage']) element(id).hidden = !isSignedIn || isHeldUp;
}

async function upload(event) {
  await call('/api/documents', { method: 'POST', body: new FormData(event.target) });
  event.target.reset();
  await showDocuments();
}

async function showDocuments() {
  const { data } = await (await call('/api/documents?limit=50')).json();
  fill('document-rows', data, (row) => [row.title, row.classification, stateOf(row), row.page_count ?? '']);
  element('no-documents').hidden = data.length > 0;
  clearTimeout(pollTimer);
  if (data.some(({ status }) => status !== 'indexed' && status !== 'failed'))
    pollTimer = setTimeout(guarded(showDocuments), pollMs);
}

function stateOf({ status, progress, error }) {
  if (status === 'indexed') return status;
  return status === 'failed' ? `failed: ${error?.detail ?? ''}` : `${status} ${progress} %`;
}

async function showUsage() {
  const { data } = await (await call('/api/usage?group_by=day')).json();
  fill('usage-rows', data, (row) => [row.key, row.requests, row.input_tokens, row.output_tokens, row.cost.usd]);
  element('no-usage').hidden = data.length > 0;
}

/** The cost of a question is written soon after its answer, not before: looks until it is there. */
async function showNewUsage() {
  const shownBefore = element('usage-rows').textContent;
  for (let looks = 0; looks < usageLooksMax; looks++) {
    await showUsage();
    if (element('usage-rows').textContent !== shownBefore) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function ask(event) {
  const { question } = Object.fromEntries(new FormData(event.target));
  const citations = [];
  stopAsking = new AbortController();
  element('answer-text').textContent = '';
  element('citations').replaceChildren();
  element('source').hidden = true;
  element('answer').hidden = false;
  element('stop').hidden = false;
  say('Searching …');
  try {
    const response = await call('/api/query', { ...json({ question, stream: true }), signal: stopAsking.signal });
    for await (const { name, data } of events(response.body)) {
      if (name === 'retrieval') say(`Reading ${data.passages} passages …`);
      if (name === 'token') element('answer-text').textContent += data.text;
      if (name === 'citation') addCitation(data, citations.push(data));
      if (name === 'error') throw new RequestError(data.status, data);
      if (name === 'done')
        say(
          `${data.degraded ? 'Search results only: no model could be reached. ' : ''}Model ${data.model} · ${data.cost.usd} US dollars`,
        );
    }
  } catch (error) {
    say(error.name === 'AbortError' ? 'Stopped.' : 'Not answered.');
    throw error;
  } finally {
    element('stop').hidden = true;
  }
  await showNewUsage();
}

const say = (text) => {
  element('answer-state').textContent = text;
};

function addCitation(citation, number) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = `${citation.title}${citation.page === null ? '' : `, page ${citation.page}`}: “${citation.quote}”`;
  button.setAttribute('aria-label', `Citation ${number}: show the source`);
  button.addEventListener(
    'click',
    guarded(() => showSource(citation)),
  );
  const item = document.createElement('li');
  item.append(button);
  element('citations').append(item);
}

/** Opens the text of the document with the quoted words marked. Offsets count code points. */
async function showSource({ document_id: id, title, start, end }) {
  const { text } = await (await call(`/api/documents/${id}/text`)).json();
  const characters = Array.from(text);
  const mark = document.createElement('mark');
  mark.textContent = characters.slice(start, end).join('');
  element('source-title').textContent = title;
  element('source-text').replaceChildren(characters.slice(0, start).join(''), mark, characters.slice(end).join(''));
  element('source').hidden = false;
  mark.scrollIntoView({ block: 'center' });
}

/** The events of a stream of server-sent events. */
async function* events(body) {
  let buffer = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (buffer + text).split('\n\n');
    buffer = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? ['', '']),
      );
      if (fields.event !== undefined) yield { name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

function fill(id, rows, cellsOf) {
  element(id).replaceChildren(
    ...rows.map((row) => {
      const tr = document.createElement('tr');
      tr.append(
        ...cellsOf(row).map((cell) => {
          const td = document.createElement('td');
          td.textContent = String(cell);
          return td;
        }),
      );
      return tr;
    }),
  );
}

element('sign-in').querySelector('form').addEventListener('submit', guarded(signIn));
element('sign-in-elsewhere').addEventListener('click', guarded(signInElsewhere));
element('sign-out').addEventListener('click', guarded(signOut));
element('ask').querySelector('form').addEventListener('submit', guarded(ask));
element('stop').addEventListener('click', () => stopAsking?.abort());
element('upload').addEventListener('submit', guarded(upload));
void guarded(comeBack)();
connectAccount({ call, json, guarded, enter });
