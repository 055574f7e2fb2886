/**
 * Does what the README tells a newcomer to do, and checks what they were promised.
 *
 * Starts `make up` on a new data folder and a free port, runs the printed `curl` as it is printed, and compares each quote
 * of the answer with the text of its document. Then it ends the server, which must exit with code 0.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, findCurl, findKey, misquotes } from './quickstart-output.ts';
import { findFreePort, run } from './services/programs.ts';

/** The first start prepares the database and indexes the sample documents; a busy small machine may need longer. */
const startTimeoutMs = 120_000;
const stopTimeoutMs = 30_000;
const pollMs = 200;

/** A server that `make up` runs, with everything it has printed. */
interface RunningServer {
  readonly make: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly output: () => string;
}

function startServer(dataDir: string, port: number): RunningServer {
  const environment = { ...process.env, PORT: String(port), GENAI_DATA_DIR: dataDir };
  const make = spawn('make', ['--no-print-directory', 'up'], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [make.stdout, make.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exit = new Promise<number | null>((resolve) => make.once('close', resolve));
  return { make, exit, output: () => output };
}

/** Waits for the printed `curl`. */
async function waitForCurl(server: RunningServer): Promise<string> {
  const deadlineMs = Date.now() + startTimeoutMs;
  while (Date.now() < deadlineMs) {
    const curl = findCurl(server.output());
    if (curl !== undefined) return curl;
    if (server.make.exitCode !== null) throw new Error('`make up` ended.');
    await delay(pollMs);
  }
  throw new Error(`\`make up\` printed no curl within ${startTimeoutMs / 1000} s.`);
}

/** The process that make runs: make itself answers SIGTERM with an exit code of its own. */
async function findServerProcess({ make }: RunningServer): Promise<number> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const child = stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([, parent]) => parent === String(make.pid));
  if (child?.[0] === undefined) throw new Error('The server process was not found.');
  return Number(child[0]);
}

async function checkAnswer(curl: string, baseUrl: string): Promise<void> {
  const { stdout } = await run('sh', ['-c', curl]);
  const answer: Answer = JSON.parse(stdout);
  const wrong = await misquotes(answer, async (documentId) => {
    const url = new URL(`/api/documents/${documentId}/text`, baseUrl);
    const response = await fetch(url, { headers: { authorization: `Bearer ${findKey(curl)}` } });
    if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}.`);
    return ((await response.json()) as { text: string }).text;
  });
  if (wrong.length > 0) throw new Error(`${wrong.join('\n')}\nThe answer was: ${stdout}`);
  console.log(`quickstart: an answer with ${answer.citations.length} citation(s), every quote stands where it says`);
}

async function stop(server: RunningServer): Promise<void> {
  process.kill(await findServerProcess(server), 'SIGTERM');
  const code = await Promise.race([server.exit, delay(stopTimeoutMs, 'late' as const, { ref: false })]);
  if (code !== 0) throw new Error(`After SIGTERM the server ended with code ${code}, not 0.`);
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'genai-quickstart-'));
  const startedMs = Date.now();
  const server = startServer(dataDir, await findFreePort());
  try {
    const curl = await waitForCurl(server);
    const facts: { base_url: string } = JSON.parse(await readFile(join(dataDir, 'first-run.json'), 'utf8'));
    await checkAnswer(curl, facts.base_url);
    console.log(`quickstart: first cited answer after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
    await stop(server);
    console.log('quickstart: the server stopped cleanly');
  } catch (error) {
    console.error(`quickstart: ${String(error)}\n\nOutput of the server:\n${server.output()}`);
    process.exitCode = 1;
  } finally {
    await findServerProcess(server).then(
      (pid) => process.kill(pid, 'SIGKILL'),
      () => undefined,
    );
    await server.exit;
    await rm(dataDir, { recursive: true, force: true });
  }
}

await main();
