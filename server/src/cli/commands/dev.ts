/** `genai dev`: for developers of the platform. The only file of the product that reaches into the tests. */

import type { Command } from 'commander';
import { count } from '../options.ts';
import type { Shell } from '../shell.ts';

/** Adds `dev upstream`. */
export function addDev(program: Command, { output }: Shell): void {
  const dev = program.command('dev').description('for developers of the platform');

  dev
    .command('upstream')
    .description('start the programmable TEST model endpoint; it has no model and must serve nobody')
    .option('--port <n>', 'port on 127.0.0.1; a free one by default', count(0, 65_535), 0)
    .action(async ({ port }: { port: number }) => {
      const { startUpstream } = await import('../../../test/support/upstream/index.ts');
      const upstream = await startUpstream({ port });
      const text = `OPENAI_BASE_URL=${upstream.baseUrl}\nLLM_MODEL=test-answer\n`;
      output.result({ base_url: upstream.baseUrl, model: 'test-answer' }, () => text);
      output.note('This is a TEST server: it has no model. Stop it with Ctrl-C.');
      await new Promise((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
      });
      await upstream.close();
    });
}
