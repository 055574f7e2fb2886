/** Runs a sequence on two new tenants and holds everything that came back against the model. */

import { type Event, explain } from './explain.ts';
import type { Action, Name, Tenant } from './model.ts';
import { perform } from './perform.ts';
import type { Plan } from './sequences.ts';
import type { Arena, Kind, Side } from './world.ts';

/** Actions that can be cut off; what others make could not be recognised without their answer. */
const canBeCut = new Set<Action['do']>(['upload', 'change', 'delete', 'share', 'revoke key', 'change user', 'ask']);

const closing: readonly Action[] = (
  ['list documents', 'list collections', 'list keys', 'list users', 'audit', 'usage'] as const
).map((name) => ({ do: name }));

/**
 * Runs the turns of a sequence, and looks at everything at the end.
 * @returns how many operations there were.
 * @throws when an answer of a tenant has no explanation in what that tenant did, or shows something of the other.
 */
export async function runSequence(arena: Arena, turns: readonly (readonly Plan[])[]): Promise<number> {
  const sides = [await arena.addSide(), await arena.addSide()] as const;
  const before: [readonly Tenant[], readonly Tenant[]] = [[sides[0].seeded], [sides[1].seeded]];
  let operations = 0;
  let made = 0;

  /** Holds what happened in a turn against what may have been before, and keeps what may be now. */
  function settle(place: 0 | 1, events: readonly Event[]): void {
    if (events.length === 0) return;
    const after = explain(before[place], events);
    if (after.length === 0)
      throw new Error(`No order of these explains their answers: ${JSON.stringify(events, null, 1)}`);
    before[place] = after;
  }

  async function take({ by, isSecond, draft, leavesAfter }: Plan): Promise<readonly [0 | 1, Event]> {
    const place = isSecond ? 1 : 0;
    const [side, other] = isSecond ? [sides[1], sides[0]] : sides;
    const next = (kind: Kind): Name => {
      made += 1;
      return `${side.slug}.${kind}${made}`;
    };
    const action = draft({ side, other, next });
    const key = side.made.key.at(by % side.made.key.length) ?? '';
    const leaving = new AbortController();
    const signal = leavesAfter !== undefined && canBeCut.has(action.do) ? leaving.signal : undefined;
    const leave = signal === undefined ? undefined : turnsOfTheLoop(leavesAfter ?? 0).then(() => leaving.abort());
    const answer = await perform({ arena, side, other }, key, action, signal);
    await leave;
    operations += 1;
    return [place, { key, action, answer }];
  }

  for (const turn of turns) {
    const taken = await Promise.all(turn.map(take));
    await arena.idle();
    for (const place of [0, 1] as const)
      settle(
        place,
        taken.filter(([where]) => where === place).map(([, event]) => event),
      );
    for (const place of [0, 1] as const) await indexAll(place);
  }
  for (const place of [0, 1] as const) {
    const [side, other] = place === 0 ? sides : [sides[1], sides[0]];
    const key = `${side.slug}.root.key`;
    for (const action of closing)
      settle(place, [{ key, action, answer: await perform({ arena, side, other }, key, action) }]);
  }
  return operations;

  /** The platform's own work on every document, after which all can be found. */
  async function indexAll(place: 0 | 1): Promise<void> {
    const side: Side = sides[place];
    for (const name of side.made.document) {
      const documentId = side.idOf.get(name) ?? '';
      await arena.ingest({ tenantId: side.id, documentId }, new AbortController().signal);
      settle(place, [{ indexed: name, isSure: true }]);
    }
  }
}

async function turnsOfTheLoop(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
