/** `genai completion`: prints the script that makes a shell complete our commands. */

import { Argument, type Command } from 'commander';
import { type CompletionShell, completionScript, completionShells } from '../completion.ts';
import type { Shell } from '../shell.ts';

/** Adds `completion`. */
export function addCompletion(program: Command, { output }: Shell): void {
  program
    .command('completion')
    .description('print a completion script, for example: source <(genai completion bash)')
    .addArgument(new Argument('<shell>', 'shell to complete in').choices(completionShells))
    .action((shell: CompletionShell) => {
      const script = completionScript(program, shell);
      output.result({ shell, script }, () => script);
    });
}
