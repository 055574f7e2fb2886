/** `genai backup` and `genai restore`: the whole embedded data folder as one file, while no server runs. */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Shell } from '../shell.ts';

/** Adds `backup` and `restore`. */
export function addBackup(program: Command, { output, serverConfig }: Shell): void {
  program
    .command('backup')
    .description('save the embedded database, documents, keys and secrets as one file; the server must be stopped')
    .argument('<file>', 'archive to make, for example genai-backup.tar.gz; never overwritten')
    .action(async (path: string) => {
      const { backUp } = await import('../backup.ts');
      const made = await backUp(serverConfig(), resolve(path));
      output.result(made, () => `${made.file}\n`);
      output.note(
        made.encryption_key === 'included'
          ? 'It holds the keys to its content: keep it like a password.'
          : `The key file ${made.key_file} is not in it. Save it too, in another place: nothing can be read without it.`,
      );
    });

  program
    .command('restore')
    .description('bring a backup back into an empty or new data folder')
    .argument('<file>', 'archive that `genai backup` made')
    .action(async (path: string) => {
      const { restore } = await import('../backup.ts');
      const restored = await restore(serverConfig(), resolve(path));
      const { files, created_at, data_dir } = restored;
      output.result(restored, () => `restored ${files} files of ${created_at} into ${data_dir}\n`);
    });
}
