/** Plays a sequence on two new tenants and holds everything that comes back against the model. */

import { setImmediate as turn } from 'node:timers/promises';
import type { TestDatabase } from '../support/database.ts';
import { type Event, explain } from './explain.ts';
import type { Action, Tenant } from './model.ts';
import { learnAll, perform } from './perform.ts';
import { meaningOf, type Sequence } from './sequences.ts';
import type { Arena, Side } from './world.ts';

/** What happened in a run. */
export interface Tally {
  operations: number;
  /** Operations that were cut off, by the client or a fault. */
  unanswered: number;
  kills: number;
  stalls: number;
}

/** Where sequences are played. */
export interface Play {
  readonly arena: Arena;
  readonly database: TestDatabase;
  /** Whether connections can be killed and statements held up. */
  readonly isStruck: boolean;
  readonly tally: Tally;
}

/** Plays a sequence on two new tenants. @throws when an answer has no explanation. */
export async function play(where: Play, rounds: Sequence): Promise<void> {
  const { arena } = where;
  const sides = [await arena.addSide(), await arena.addSide()] as const;
  const states: [readonly Tenant[], readonly Tenant[]] = [[sides[0].seeded], [sides[1].seeded]];
  let serial = 0;
  for (const { operations, fault } of rounds) {
    const events: [Running[], Running[]] = [[], []];
    for (const which of [0, 1] as const) {
      const [own, other] = which === 0 ? sides : [sides[1], sides[0]];
      for (const operation of operations[which]) {
        const keys = [...own.secrets.keys()].filter((key) => !key.endsWith('.root.key'));
        const key = keys[operation.who % keys.length] ?? '';
        serial += 1;
        events[which].push(
          begin(where, [own, other], key, meaningOf(operation, own, other, serial), operation.leavesAfter),
        );
      }
    }
    const striking = fault === undefined ? undefined : strike(where, fault);
    await settle(where, sides, states, events);
    await striking;
  }
  await look(where, sides, states, ['list documents', 'list collections', 'ask'], () => true);
  await look(where, sides, states, ['list users', 'list keys', 'audit', 'usage'], (key) => key.endsWith('.root.key'));
}

/** An operation under way; gives its event once the ids are known of what was made beside it. */
type Running = Promise<() => Event>;

async function begin(
  { arena, tally }: Play,
  sides: readonly [Side, Side],
  key: string,
  action: Action | { do: 'index'; document: string },
  leavesAfter?: number,
): Promise<() => Event> {
  tally.operations += 1;
  if (action.do === 'index') {
    const documentId = sides[0].idOf.get(action.document) ?? 'doc_00000000000000000000000000000000';
    const request = { tenantId: sides[0].id, documentId };
    const outcome = await arena.ingest(request, new AbortController().signal).catch(() => 'again');
    return () => ({ indexed: action.document, isSure: outcome === 'done' });
  }
  const controller = new AbortController();
  if (leavesAfter !== undefined) void turns(leavesAfter).then(() => controller.abort());
  const answer = await perform(arena, sides, key, action, controller.signal);
  if (answer === undefined) tally.unanswered += 1;
  return () => ({ key, action, answer: answer?.() });
}

/** Waits for operations and finds the states that explain their answers. */
async function settle(
  where: Play,
  sides: readonly [Side, Side],
  states: [readonly Tenant[], readonly Tenant[]],
  running: readonly [readonly Running[], readonly Running[]],
): Promise<void> {
  const unansweredBefore = where.tally.unanswered;
  const ended = await Promise.all(running.map((each) => Promise.all(each)));
  await where.arena.idle();
  for (const which of [0, 1] as const) {
    const [own, other] = which === 0 ? sides : [sides[1], sides[0]];
    if (where.tally.unanswered > unansweredBefore) await learnAll(where.arena, [own, other]);
    const events = (ended[which] ?? []).map((event) => event());
    const next = explain(states[which], events);
    if (next.length === 0)
      throw new Error(`Nothing explains ${JSON.stringify({ states: states[which], events }, null, 1)}`);
    states[which] = next;
  }
}

/** Everybody of both tenants looks at the same time; what is shown must be so in one of the possible states. */
async function look(
  where: Play,
  sides: readonly [Side, Side],
  states: [readonly Tenant[], readonly Tenant[]],
  actions: readonly (Action & { of?: never })['do'][],
  isWanted: (key: string) => boolean,
): Promise<void> {
  await Promise.all(
    ([0, 1] as const).map(async (which) => {
      const [own, other] = which === 0 ? sides : [sides[1], sides[0]];
      const looks = [...own.secrets.keys()].filter(isWanted).flatMap((key) =>
        actions.map(async (each) => {
          const events: Event[] = [];
          // Faults that were meant for others cut off some; those try again.
          do events.push((await begin(where, [own, other], key, { do: each } as Action))());
          while ('answer' in (events.at(-1) ?? {}) && (events.at(-1) as { answer?: unknown }).answer === undefined);
          return events;
        }),
      );
      const seen = (await Promise.all(looks)).flat();
      await where.arena.idle();
      // They change nothing that another of them shows, so one after the other is as good as any order.
      for (const event of seen) {
        const next = explain(states[which], [event]);
        if (next.length === 0)
          throw new Error(`Nothing explains ${JSON.stringify({ states: states[which], event }, null, 1)}`);
        states[which] = next;
      }
    }),
  );
}

/** The superuser has one connection. */
let struck = Promise.resolve();

/** Ends the connection of a transaction that is under way, or holds up every statement on documents until it times out. */
function strike({ database, isStruck, tally }: Play, fault: 'kill' | 'stall'): Promise<void> {
  if (isStruck) struck = struck.then(() => strikeNow(database, tally, fault));
  return struck;
}

async function strikeNow(database: TestDatabase, tally: Tally, fault: 'kill' | 'stall'): Promise<void> {
  if (fault === 'kill') {
    await turns(3);
    const killed = await database.superuser(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and usename = 'genai_server' order by state = 'idle', random() limit 1`,
    );
    tally.kills += killed.length;
  } else {
    tally.stalls += 1;
    await database.superuser(
      'begin; lock table genai.documents in access exclusive mode; select pg_sleep(1.1); rollback',
    );
  }
}

async function turns(count: number): Promise<void> {
  for (let each = 0; each < count; each += 1) await turn();
}
