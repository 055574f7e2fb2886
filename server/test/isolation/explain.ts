/**
 * Whether one tenant's answers have an explanation: an order of its own operations that gives them all.
 *
 * An operation takes effect in two steps, somewhere between its beginning and its end: the credential is checked, then
 * the rest happens at one moment as whoever the credential then belonged to. Operations that ran at the same time may take
 * their steps in any order. The answer of one that was cut off is not known; it happened at some moment, or never. So did one
 * that was ended because its credential fell meanwhile.
 */

import {
  type Action,
  type Answer,
  act,
  authenticate,
  index,
  isExpected,
  type Name,
  type Principal,
  remains,
  type Tenant,
} from './model.ts';

/** An operation that ended. */
export type Event =
  | {
      readonly key: Name;
      readonly action: Action;
      /** Missing when the client left, or the server lost its database. */
      readonly answer: Answer | undefined;
    }
  /** The platform indexed a document, or perhaps not. */
  | { readonly indexed: Name; readonly isSure: boolean };

/** How far an event is: a principal stands for one whose credential was accepted. */
type Progress = 'before' | 'after' | Principal;

/**
 * The states in which a tenant may be after events that ran side by side, given those in which it may have been before.
 * Empty when nothing explains the answers.
 */
export function explain(before: readonly Tenant[], events: readonly Event[]): readonly Tenant[] {
  const found = new Map<string, Tenant>();
  const seen = new Set<string>();

  function search(tenant: Tenant, progress: readonly Progress[]): void {
    const here = JSON.stringify([tenant, progress]);
    if (seen.has(here)) return;
    seen.add(here);
    if (progress.every((each) => each === 'after')) found.set(JSON.stringify(tenant), tenant);
    for (const [place, event] of events.entries()) {
      for (const step of stepsOf(tenant, event, progress[place] ?? 'after')) {
        search(step.tenant, progress.with(place, step.progress));
      }
    }
  }

  for (const tenant of before)
    search(
      tenant,
      events.map(() => 'before'),
    );
  return [...found.values()];
}

function stepsOf(tenant: Tenant, event: Event, progress: Progress): { tenant: Tenant; progress: Progress }[] {
  if (progress === 'after') return [];
  if ('indexed' in event) {
    const done = { tenant: index(tenant, event.indexed), progress: 'after' } as const;
    return event.isSure ? [done] : [done, { tenant, progress: 'after' }];
  }
  const { key, action, answer } = event;
  const who = authenticate(tenant, key);
  const isTurnedAway = answer !== undefined && 'refused' in answer && answer.refused === 'authentication_required';
  const mayBeCutOff = answer === undefined || (isTurnedAway && who === undefined);
  const never = mayBeCutOff ? [{ tenant, progress: 'after' } as const] : [];
  if (progress === 'before') return who === undefined ? never : [...never, { tenant, progress: who }];
  if (mayBeCutOff)
    return [
      ...never,
      ...remains(tenant, progress, action).map((left) => ({ tenant: left, progress: 'after' as const })),
    ];
  const step = act(tenant, progress, action);
  return isExpected(step.expected, answer) ? [{ tenant: step.tenant, progress: 'after' }] : [];
}
