import { describe, expect, it } from 'vitest';
import { isAppError } from '../errors.ts';
import { translatedFailure, withPatience } from './failures.ts';

/** A command that Redis refuses so often before it carries it out. */
function refused(times: number, message: string) {
  const state = { tries: 0 };
  const command = async () => {
    state.tries += 1;
    if (state.tries <= times) throw new Error(message);
    return 'done';
  };
  return { state, command };
}

describe('patience', () => {
  it.each(['TRYAGAIN Multiple keys', 'LOADING Redis is loading', 'BUSY Redis is busy', 'CLUSTERDOWN The cluster'])(
    'tries again after %s, which did nothing',
    async (message) => {
      const { state, command } = refused(2, message);
      await expect(withPatience(command, undefined)).resolves.toBe('done');
      expect(state.tries).toBe(3);
    },
  );

  it('ends', async () => {
    const { state, command } = refused(100, 'LOADING');
    await expect(withPatience(command, undefined)).rejects.toThrow('LOADING');
    expect(state.tries).toBe(5);
  });

  it('is not had with what may have been done, such as a command whose answer did not come', async () => {
    for (const message of ['Command timed out', 'Connection is closed.', 'OOM command not allowed']) {
      const { state, command } = refused(1, message);
      await expect(withPatience(command, undefined)).rejects.toThrow(message);
      expect(state.tries).toBe(1);
    }
  });

  it('ends when nobody waits any more', async () => {
    const { state, command } = refused(100, 'LOADING');
    const leaving = new AbortController();
    const waiting = withPatience(command, leaving.signal);
    leaving.abort();
    await expect(waiting).rejects.toThrow();
    expect(state.tries).toBe(1);
  });
});

describe('a failure', () => {
  it('of Redis is that of a dependency; a mistake of ours stays what it is', () => {
    const away = ['Command timed out', 'OOM command', 'NOAUTH Authentication required.', 'READONLY You', 'NOPERM this'];
    for (const message of away) {
      expect(isAppError(translatedFailure(new Error(message)), 'dependency_unavailable'), message).toBe(true);
    }
    const mistake = new Error('ERR wrong number of arguments');
    expect(translatedFailure(mistake)).toBe(mistake);
  });
});
