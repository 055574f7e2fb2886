/** What stands in audit logs because somebody tried to reach another tenant, as it should. */

import { type Answer, jsonOf } from '../api/exchange.ts';

/** In the log of the tenant that was tried: whoever tries to sign in to it. */
export const expectedOfOwner: readonly string[] = ['login.failed'];
/** In the log of the tenant that tries: what an operator asked for, be it there or not. */
export const expectedOfProber: readonly string[] = ['break_glass.used'];

/** The text of an answer, without its events of those actions where it is JSON. */
export function withoutEvents(answer: Answer, actions: readonly string[]): string {
  const value = jsonOf(answer);
  if (value === undefined) return answer.text;
  return JSON.stringify(value, (_, one: unknown) =>
    Array.isArray(one) ? one.filter((item) => !actions.includes(actionOf(item))) : one,
  );
}

function actionOf(item: unknown): string {
  return String((item as { readonly event?: { readonly action?: unknown } } | null)?.event?.action);
}
