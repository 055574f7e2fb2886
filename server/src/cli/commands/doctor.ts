/** `genai doctor`: what would keep a server from running well, each with its fix. */

import type { Command } from 'commander';
import type { Finding } from '../doctor/finding.ts';
import { CommandError } from '../failures.ts';
import type { Shell } from '../shell.ts';

/** Adds `doctor`. */
export function addDoctor(program: Command, { output, inspectConfig }: Shell): void {
  program
    .command('doctor')
    .description('look for what would keep a server from running well; changes nothing')
    .action(async () => {
      const { examine } = await import('../doctor/examine.ts');
      const findings = await examine(inspectConfig());
      const failed = findings.filter(({ status }) => status === 'failed').length;
      output.result({ healthy: failed === 0, findings }, () => findings.map(findingText).join(''));
      if (failed > 0) throw new CommandError('notConfigured', `${failed} ${failed === 1 ? 'check' : 'checks'} failed.`);
    });
}

function findingText({ check, status, detail, fix }: Finding): string {
  const indent = ' '.repeat(9);
  const hint = fix === undefined ? '' : `${indent}fix: ${fix}\n`;
  return `${status.padEnd(indent.length)}${check}: ${detail}\n${hint}`;
}
