/** `genai operators`: keys for those who run the platform. Works beside the server, without it. */

import type { Command } from 'commander';
import type { Shell } from '../shell.ts';

/** Adds `operators create-key`. */
export function addOperators(program: Command, { output, serverConfig }: Shell): void {
  const operators = program.command('operators').description('operators of the platform, through the database');

  operators
    .command('create-key')
    .description('make an operator key; it is printed once and never again')
    .argument('<name>', 'who or what the key is for; unique')
    .action(async (name: string) => {
      const { commandLineActor, openOffline } = await import('../offline.ts');
      const offline = await openOffline(serverConfig());
      try {
        const key = await offline.identity().createOperatorKey(name, commandLineActor);
        output.result(key, () => `${key.key}\n`);
        if (!output.isJson()) output.note(`Key ${key.id} for ${key.name}. It is not shown again.`);
      } finally {
        await offline.close();
      }
    });
}
