/** The search for planted values in log files of the server, which whoever runs the verification names. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Record } from '../run.ts';
import type { Canaries } from './canaries.ts';

/** Lines are cut; what is longer is no line of ours. */
const lineLengthMax = 2 ** 20;

/** Looks for content and secrets; names and ids of tenants belong into logs. */
export async function sweepLogs(files: readonly string[], canaries: Canaries, record: Record): Promise<void> {
  for (const file of files) {
    let number = 0;
    for await (const line of createInterface({
      input: createReadStream(file, 'utf8'),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      number += 1;
      record.check();
      for (const { what } of canaries.foundIn(line.slice(0, lineLengthMax), ['content', 'secret'])) {
        record.finding({ kind: 'canary', operation: file, message: `Line ${number} of the log holds ${what}.` });
      }
    }
  }
}
