/** `genai queue`: who waits for the model. */

import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { withServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

interface OwnQueue {
  readonly waiting: number;
  readonly waiting_detached: number;
  readonly in_work: number;
  readonly queued_cost: number;
}

interface Queue {
  readonly slots: number;
  readonly in_flight: number;
  readonly queued_attached: number;
  readonly queued_detached: number;
  readonly dead_letters: number;
  readonly pods: number;
  readonly tiers: readonly { readonly tier: string; readonly weight: number; readonly served_cost: number }[];
  readonly tenants: readonly {
    readonly tenant_id: string;
    readonly tier: string;
    readonly in_flight: number;
    readonly waiting_attached: number;
    readonly waiting_detached: number;
    readonly cap_slots: number;
    readonly share_millionths: number;
  }[];
}

/** Adds `queue`, and `queue --all` for operators. */
export function addQueue(program: Command, { output, tenantApi, operatorApi }: Shell): void {
  withServer(program.command('queue').description('see what waits for the model'))
    .option('--all', 'of all tenants (needs GENAI_OPERATOR_KEY)')
    .action(async ({ all = false, ...options }: ConnectionOptions & { all?: boolean }) => {
      if (all) {
        const queue = await operatorApi(options).request<Queue>('GET', '/api/operator/queue');
        output.result(queue, () => poolText(queue));
        return;
      }
      const own = await tenantApi(options, 'viewer').request<OwnQueue>('GET', '/api/queue');
      const rows = [[own.in_work, own.waiting, own.waiting_detached, own.queued_cost]];
      output.result(own, () => tableText(['IN WORK', 'WAITING', 'DETACHED', 'COST'], rows));
    });
}

function poolText(queue: Queue): string {
  const { in_flight: inFlight, slots, pods, queued_attached: waiting, queued_detached: detached } = queue;
  const summary = `${inFlight} of ${slots} slots of ${pods} servers in use, ${waiting} waiting, ${detached} detached, ${queue.dead_letters} dead letters`;
  const total = queue.tiers.reduce((sum, { served_cost: cost }) => sum + cost, 0);
  const tiers = queue.tiers.map(({ tier, weight, served_cost: cost }) => [
    tier,
    weight,
    total === 0 ? '' : `${((100 * cost) / total).toFixed(1)} %`,
  ]);
  const tenants = queue.tenants.map((one) => [
    one.tenant_id,
    one.tier,
    `${one.in_flight} / ${one.cap_slots}`,
    one.waiting_attached,
    one.waiting_detached,
    `${(one.share_millionths / 10_000).toFixed(1)} %`,
  ]);
  return [
    summary,
    tableText(['TIER', 'WEIGHT', 'SERVED'], tiers),
    ...(tenants.length === 0
      ? []
      : [tableText(['TENANT', 'TIER', 'IN WORK / CAP', 'WAITING', 'DETACHED', 'SHARE'], tenants)]),
  ].join('\n\n');
}
