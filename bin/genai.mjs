#!/usr/bin/env node
/**
 * The `genai` command: runs the command line of the server under Node.js 24.
 *
 * An older Node.js starts this file too, so it is plain JavaScript: it hands over to the Node.js that `make setup` put
 * into `runtime/`, with the same arguments and streams, and ends the way that process ends.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const nodeMajorMin = 24;

function fail(message) {
  process.stderr.write(`genai: ${message}\n`);
  process.exit(1);
}

/** Runs this file again under another Node.js and ends with its exit code, or 128 + n when signal n ended it. */
function handOver(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // A terminal sends Ctrl-C to the whole foreground group. Forwarding it too would be a second one, which forces exit.
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', () => terminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (!existsSync(join(root, 'node_modules'))) fail('the npm packages are not installed. Run `make setup` first.');

if (Number.parseInt(process.versions.node, 10) >= nodeMajorMin) {
  await import('../server/src/cli/main.ts');
} else {
  const node = join(root, 'runtime', 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (!existsSync(node)) {
    fail(
      `needs Node.js ${nodeMajorMin}, this is ${process.version}. Run \`make setup\`, which brings it, or install it.`,
    );
  }
  handOver(node);
}
