/** The command line as a process; `bin/genai.mjs` loads it. */

import { run } from './program.ts';

/** A handle that somebody forgot to close keeps a command from ending for this long at most. */
const lingerMs = 1000;

process.exitCode = await run(process.argv.slice(2), process);
setTimeout(() => process.exit(), lingerMs).unref();
