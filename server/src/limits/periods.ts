/** Days and months of budgets, in UTC. Pure. */

/** A period of a budget. */
export interface Period {
  /** Of its counter, for example `day:2026-11-24`. */
  readonly name: string;
  readonly startsMs: number;
  /** Exclusive. */
  readonly endsMs: number;
}

/** The day of a time. */
export function daily(nowMs: number): Period {
  const at = new Date(nowMs);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  const name = `day:${at.toISOString().slice(0, 10)}`;
  return { name, startsMs: Date.UTC(year, month, day), endsMs: Date.UTC(year, month, day + 1) };
}

/** The calendar month of a time. */
export function monthly(nowMs: number): Period {
  const at = new Date(nowMs);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()];
  const name = `month:${at.toISOString().slice(0, 7)}`;
  return { name, startsMs: Date.UTC(year, month), endsMs: Date.UTC(year, month + 1) };
}

/** Both periods of a time. */
export const periodsOf = (nowMs: number): readonly Period[] => [monthly(nowMs), daily(nowMs)];
