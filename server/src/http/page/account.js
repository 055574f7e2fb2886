/**
 * What people do with their own account: second factor, password, login sessions.
 *
 * A secret and recovery codes are on the page until the person leaves or signs out, and nowhere else.
 */

const element = (id) => document.getElementById(id);
const fieldsOf = (form) => Object.fromEntries(new FormData(form));

/** What the rest of the page does for this part; given once, when the page is loaded. */
let page;
let permissions = [];

/** Connects the forms. */
export function connectAccount(parts) {
  page = parts;
  const on = (id, event, action) => element(id).addEventListener(event, page.guarded(action));
  on('factor-enrol', 'submit', enrol);
  on('factor-confirm', 'submit', confirm);
  on('factor-remove', 'submit', remove);
  on('change-password', 'submit', changePassword);
  on('end-others', 'click', endOthers);
}

/** Shows the account of whoever has just signed in. */
export async function showAccount(me) {
  ({ permissions } = me);
  const maySeeSessions = permissions.includes('sessions:write');
  element('sessions').hidden = !maySeeSessions;
  await Promise.all([showFactor(), ...(maySeeSessions ? [showSessions()] : [])]);
}

/** Leaves nothing of the account on the page. */
export function forgetAccount() {
  hideSecret();
  element('factor-recovery').hidden = true;
  for (const id of ['factor-recovery-codes', 'session-rows']) element(id).replaceChildren();
  for (const id of ['factor-state', 'password-state']) element(id).textContent = '';
  for (const form of element('account').querySelectorAll('form')) form.reset();
}

async function showFactor() {
  const factor = await (await page.call('/api/me/second-factor')).json();
  const isActive = factor.state === 'active';
  element('factor-enrol').hidden = isActive;
  element('factor-remove').hidden = !isActive;
  element('factor-state').textContent = isActive
    ? `A code is asked for when you sign in. You have ${factor.recovery_codes_left} recovery codes.`
    : `You have no second factor.${factor.is_required ? ' Set one up first; until then you can do nothing else.' : ''}`;
}

async function enrol(event) {
  const { secret, uri } = await (await page.call('/api/me/second-factor', page.json(fieldsOf(event.target)))).json();
  event.target.reset();
  element('factor-secret-text').textContent = secret;
  element('factor-uri').textContent = uri;
  element('factor-secret').hidden = false;
}

async function confirm(event) {
  const answer = await page.call('/api/me/second-factor/confirm', page.json(fieldsOf(event.target)));
  const { recovery_codes: codes } = await answer.json();
  event.target.reset();
  hideSecret();
  element('factor-recovery-codes').replaceChildren(
    ...codes.map((code) => {
      const item = document.createElement('li');
      item.textContent = code;
      return item;
    }),
  );
  element('factor-recovery').hidden = false;
  await page.enter();
}

function hideSecret() {
  element('factor-secret').hidden = true;
  for (const id of ['factor-secret-text', 'factor-uri']) element(id).textContent = '';
}

async function remove(event) {
  await page.call('/api/me/second-factor/remove', page.json(fieldsOf(event.target)));
  event.target.reset();
  element('factor-recovery').hidden = true;
  await page.enter();
}

async function changePassword(event) {
  element('password-state').textContent = '';
  await page.call('/api/me/password', page.json(fieldsOf(event.target)));
  event.target.reset();
  element('password-state').textContent = 'Your password was changed. Your other sessions have ended.';
  if (permissions.includes('sessions:write')) await showSessions();
}

async function showSessions() {
  const { data } = await (await page.call('/api/sessions')).json();
  element('session-rows').replaceChildren(...data.map(sessionRow));
}

function sessionRow(session) {
  const row = document.createElement('tr');
  const shown = [
    `${session.device}${session.is_current ? ' (this one)' : ''}`,
    session.network ?? 'unknown',
    new Date(session.created_at).toLocaleString(),
    new Date(session.last_used_at).toLocaleString(),
  ];
  for (const text of shown) row.insertCell().textContent = text;
  const last = row.insertCell();
  if (!session.is_current) last.append(endButton(session));
  return row;
}

function endButton({ id, device }) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'End';
  button.setAttribute('aria-label', `End the session on ${device}`);
  button.addEventListener(
    'click',
    page.guarded(async () => {
      await page.call(`/api/sessions/${id}`, { method: 'DELETE' });
      await showSessions();
    }),
  );
  return button;
}

async function endOthers() {
  await page.call('/api/sessions', { method: 'DELETE' });
  await showSessions();
}
