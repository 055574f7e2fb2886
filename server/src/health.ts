/**
 * The state of every part, for readiness and for people.
 *
 * Checks run side by side, each with a time limit of its own; none of them changes anything.
 */

/** How a part is doing; `off` means that it is not configured. */
export type ComponentStatus = 'ok' | 'degraded' | 'down' | 'off';

/** A part and its state. */
export interface ComponentHealth {
  readonly name: string;
  readonly status: ComponentStatus;
  /** Whether the server can do its main job without it. */
  readonly required: boolean;
  readonly detail?: string;
  readonly latencyMs: number;
}

/** How to look at one part. */
export interface ComponentCheck {
  readonly name: string;
  readonly required: boolean;
  /** Absent when the part is not configured. Resolves with a remark when the part works but not fully; rejects when it does not work. */
  readonly check: ((signal: AbortSignal) => Promise<string | undefined>) | undefined;
}

const checkTimeoutMs = 2000;

/** Looks at all parts. */
export async function componentsHealth(
  checks: readonly ComponentCheck[],
  now: () => number = performance.now.bind(performance),
): Promise<ComponentHealth[]> {
  return Promise.all(
    checks.map(async ({ name, required, check }): Promise<ComponentHealth> => {
      if (check === undefined) return { name, status: 'off', required: false, latencyMs: 0 };
      const startedMs = now();
      const signal = AbortSignal.timeout(checkTimeoutMs);
      const latencyMs = () => Math.round(now() - startedMs);
      try {
        const detail = await Promise.race([check(signal), rejectionOf(signal)]);
        return detail === undefined
          ? { name, status: 'ok', required, latencyMs: latencyMs() }
          : { name, status: 'degraded', required, detail, latencyMs: latencyMs() };
      } catch (error) {
        const detail = signal.aborted ? `no answer within ${checkTimeoutMs} ms` : messageOf(error);
        return { name, status: 'down', required, detail, latencyMs: latencyMs() };
      }
    }),
  );
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
