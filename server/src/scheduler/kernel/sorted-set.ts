/** A set of names in order of score, then of name, as Redis orders a sorted set of ASCII names. */

/** Names with scores. */
export interface SortedSet {
  /** Adds a name or gives it another score. */
  readonly add: (name: string, score: number) => void;
  /** Whether the name was there. */
  readonly remove: (name: string) => boolean;
  readonly first: () => string | undefined;
  readonly last: () => string | undefined;
  readonly scoreOf: (name: string) => number | undefined;
  readonly size: () => number;
  /** All names in order. */
  readonly names: () => readonly string[];
}

/** Makes an empty set. Adding costs a binary search and one move of what is behind: fast to some ten thousand names. */
export function createSortedSet(): SortedSet {
  const names: string[] = [];
  const scores = new Map<string, number>();

  /** Where a name with a score stands, or belongs. */
  function placeOf(name: string, score: number): number {
    let [low, high] = [0, names.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = names[middle] ?? '';
      const otherScore = scores.get(other) ?? 0;
      if (otherScore < score || (otherScore === score && other < name)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function remove(name: string): boolean {
    const score = scores.get(name);
    if (score === undefined) return false;
    names.splice(placeOf(name, score), 1);
    return scores.delete(name);
  }

  return {
    add(name, score) {
      if (scores.get(name) === score) return;
      remove(name);
      names.splice(placeOf(name, score), 0, name);
      scores.set(name, score);
    },
    remove,
    first: () => names[0],
    last: () => names.at(-1),
    scoreOf: (name) => scores.get(name),
    size: () => names.length,
    names: () => names,
  };
}
