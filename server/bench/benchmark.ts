/** What a benchmark is, and what it reports. */

/** A figure to reach. */
export interface Goal {
  /** Short and stable, for example `first-start`. */
  readonly id: string;
  /** Name of a figure. */
  readonly figure: string;
  readonly reach: { readonly atMost: number } | { readonly atLeast: number };
}

/** How to run. */
export interface RunOptions {
  /** At most 45 seconds in all, for a first impression; full runs are what is committed. */
  readonly quick: boolean;
  /** Tells people what is going on; never part of the result. */
  readonly progress: (line: string) => void;
}

/** A benchmark: what it measures, and what must come out. */
export interface Benchmark {
  readonly name: string;
  /** One sentence for the plot. */
  readonly title: string;
  readonly goals: readonly Goal[];
  /** Measures; resolves with figures by name, whose unit stands last in the name. */
  readonly run: (options: RunOptions) => Promise<Readonly<Record<string, number>>>;
}

/** What a run prints as its last line. */
export interface Report {
  readonly name: string;
  readonly commit: string;
  readonly machine: string;
  readonly command: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly goals: readonly {
    readonly id: string;
    readonly figure: string;
    readonly reach: string;
    readonly met: boolean;
  }[];
  readonly met: boolean;
}

/** Holds figures against goals; a figure that is missing does not meet its goal. */
export function judged(figures: Report['figures'], goals: readonly Goal[]): Pick<Report, 'goals' | 'met'> {
  const rows = goals.map(({ id, figure, reach }) => {
    const value = figures[figure] ?? Number.NaN;
    const isMet = 'atMost' in reach ? value <= reach.atMost : value >= reach.atLeast;
    return { id, figure, reach: 'atMost' in reach ? `<= ${reach.atMost}` : `>= ${reach.atLeast}`, met: isMet };
  });
  return { goals: rows, met: rows.every(({ met }) => met) };
}
