/** How the settings of the scheduler become its policy. */

import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { loadConfig } from '../src/config/index.ts';
import { schedulerPolicy } from '../src/settings.ts';

const policyOf = (environment: Record<string, string>) =>
  schedulerPolicy(loadConfig({ environment, directory: tmpdir() }).config.scheduler);

it.each([
  ['SCHEDULER_WEIGHT_ENTERPRISE', 'enterprise', 50],
  ['SCHEDULER_WEIGHT_PROFESSIONAL', 'professional', 30],
  ['SCHEDULER_WEIGHT_STARTER', 'starter', 15],
  ['SCHEDULER_WEIGHT_FREE', 'free', 5],
])('%s weighs the tier %s', (variable, tier, usual) => {
  expect(policyOf({}).tierWeights[tier]).toBe(usual);
  expect(policyOf({ [variable]: '7' }).tierWeights[tier]).toBe(7);
});

it.each([
  ['SCHEDULER_PRIORITY_1_OFFSET_MS', 1, 5000],
  ['SCHEDULER_PRIORITY_2_OFFSET_MS', 2, 30_000],
  ['SCHEDULER_PRIORITY_3_OFFSET_MS', 3, 120_000],
])('%s holds back priority %d', (variable, priority, usual) => {
  expect(policyOf({}).bandOffsetsMs[priority]).toBe(usual);
  expect(policyOf({ [variable]: '7' }).bandOffsetsMs[priority]).toBe(7);
});
