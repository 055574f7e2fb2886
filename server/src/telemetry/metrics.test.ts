import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';

async function linesOf(metrics: ReturnType<typeof createMetrics>, name: string): Promise<string[]> {
  const { body } = await metrics.exposition();
  return body.split('\n').filter((line) => line.startsWith(name));
}

describe('metrics', () => {
  it('are counted with their labels and exposed in the text format of Prometheus', async () => {
    const metrics = createMetrics();
    metrics.questions.add({ outcome: 'succeeded', tier: 'free' });
    metrics.questions.add({ outcome: 'succeeded', tier: 'free' });
    metrics.costNanoDollars.add({ tier: 'free' }, 12_345_678_901n);
    metrics.schedulerWaiting.set(3);
    metrics.ingestDuration.record({}, 0.3);
    expect(await linesOf(metrics, 'genai_questions_total{')).toEqual([
      'genai_questions_total{outcome="succeeded",tier="free"} 2',
    ]);
    expect(await linesOf(metrics, 'genai_cost_nano')).toEqual([
      'genai_cost_nano_dollars_total{tier="free"} 12345678901',
    ]);
    expect(await linesOf(metrics, 'genai_scheduler_waiting')).toEqual(['genai_scheduler_waiting 3']);
    expect(await linesOf(metrics, 'genai_ingest_duration_seconds_count')).toEqual([
      'genai_ingest_duration_seconds_count 1',
    ]);
    expect((await metrics.exposition()).contentType).toContain('text/plain');
  });

  it('all begin with genai_ and explain themselves', async () => {
    const { body } = await createMetrics().exposition();
    const types = body.split('\n').filter((line) => line.startsWith('# TYPE '));
    const helped = new Set(body.split('\n').flatMap((line) => /^# HELP (\S+) .{5,}/.exec(line)?.[1] ?? []));
    expect(types.length).toBeGreaterThan(30);
    for (const line of types) {
      const name = line.split(' ')[2] ?? '';
      expect(name).toMatch(/^genai_[a-z0-9_]+$/);
      expect(helped).toContain(name);
    }
  });

  it('never have a tenant as label', async () => {
    const metrics = createMetrics();
    metrics.rateLimited.add({ tier: 'anonymous' });
    expect((await metrics.exposition()).body).not.toMatch(/tenant(_id)?="/);
  });

  it('keep the first hundred values of a label apart and count the rest together', async () => {
    const metrics = createMetrics();
    for (let i = 0; i < 150; i += 1) metrics.tokens.add({ kind: 'input', model: `model-${i}` });
    const lines = await linesOf(metrics, 'genai_tokens_total{');
    expect(lines).toHaveLength(101);
    expect(lines).toContain('genai_tokens_total{kind="input",model="other"} 50');
  });

  it('of two servers in one process do not mix', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.settleFailures.add({});
    expect(await linesOf(one, 'genai_settle_failures_total ')).toEqual(['genai_settle_failures_total 1']);
    expect(await linesOf(other, 'genai_settle_failures_total ')).toEqual(['genai_settle_failures_total 0']);
  });
});
