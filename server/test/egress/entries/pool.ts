/** What the corpus of forged requests goes through: connections that are kept to an origin which a user has chosen. */

import { AppError, isAppError } from '../../../src/errors.ts';
import { testEgress } from '../../support/egress.ts';

const egress = testEgress({ EGRESS_HTTP_ALLOWED: 'true' });
const redirectsMax = 5;

/** Resolves with the text of the answer. A pool follows no redirects, so its owner does: with a new pool each, and never from TLS to plain. */
export async function call(url: string, signal: AbortSignal, redirects = 0): Promise<string> {
  try {
    const { status, location, text } = await answerOf(new URL(url), signal);
    if (location === undefined) return text;
    const isRefused = redirects === redirectsMax || (url.startsWith('https:') && location.startsWith('http:'));
    if (isRefused) throw new AppError('egress_rejected', { detail: `It answers ${status}.` });
    return await call(location, signal, redirects + 1);
  } catch (error) {
    // The owner of a pool is told as it is what keeps it from connecting, and makes an error of it.
    throw isAppError(error) ? error : new AppError('egress_unavailable', { cause: error });
  }
}

async function answerOf({ origin, href, pathname, search }: URL, signal: AbortSignal) {
  const pool = egress.pool(origin, { chosenBy: 'user', connectTimeoutMs: 3000 });
  try {
    const {
      statusCode: status,
      headers,
      body,
    } = await pool.request({ method: 'GET', path: pathname + search, signal });
    const location = headers['location'] === undefined ? undefined : new URL(String(headers['location']), href).href;
    return { status, location, text: await body.text() };
  } finally {
    await pool.destroy();
  }
}
