/** `genai ask`: a question over the documents of a tenant, the answer as it is written, and its numbered sources. */

import type { Command } from 'commander';
import { type Api, errorFromEvent } from '../api-client.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CommandError } from '../failures.ts';
import { count, repeated, withTenantServer } from '../options.ts';
import type { Output } from '../output.ts';
import type { Shell } from '../shell.ts';

/** The answer of POST /api/query, as far as it is shown. */
interface Answer {
  readonly request_id: string;
  readonly answer: string;
  readonly citations: readonly Citation[];
  readonly model: string;
  readonly degraded: boolean;
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number };
  readonly cost: { readonly usd: string };
}

interface Citation {
  readonly title: string;
  readonly page: number | null;
  readonly quote: string;
  readonly classification: string;
}

interface AskOptions extends ConnectionOptions {
  readonly collection?: readonly string[];
  readonly topK?: number;
  readonly stream: boolean;
}

/** Adds `ask`. */
export function addAsk(program: Command, { output, tenantApi }: Shell): void {
  withTenantServer(program.command('ask').description('ask a question and read the answer with its sources'))
    .argument('<question...>', 'the question')
    .option('--collection <name>', 'answer from a collection only; may be repeated', repeated)
    .option('--top-k <n>', 'passages to answer from', count(1, 1000))
    .option('--no-stream', 'print the answer when it is complete')
    .action(async (words: readonly string[], { collection, topK, stream, ...options }: AskOptions) => {
      const api = tenantApi(options, 'analyst');
      const question = { question: words.join(' '), collections: collection, top_k: topK };
      if (stream && !output.isJson()) return streamAnswer(api, output, question);
      const answer = await api.request<Answer>('POST', '/api/query', { body: question });
      output.result(answer, () => `${answer.answer}\n${sourcesText(answer.citations)}`);
      if (!output.isJson()) output.note(footer(answer));
    });
}

async function streamAnswer(api: Api, output: Output, question: object): Promise<void> {
  for await (const { event, data } of api.events('/api/query', { ...question, stream: true })) {
    if (event === 'error') throw errorFromEvent(data);
    if (event === 'token') output.piece((data as { text: string }).text);
    if (event !== 'done') continue;
    const answer = data as Answer;
    output.piece(`\n${sourcesText(answer.citations)}`);
    output.note(footer(answer));
    return;
  }
  throw new CommandError('server', 'The answer broke off.', { fix: 'Ask again.' });
}

function sourcesText(citations: readonly Citation[]): string {
  const sources = citations.map(({ title, page, quote, classification }, index) => {
    const place = page === null ? '' : `, page ${page}`;
    return `[${index + 1}] ${title}${place} (${classification})\n    “${quote.replaceAll(/\s+/g, ' ')}”\n`;
  });
  return sources.length === 0 ? '' : `\n${sources.join('')}`;
}

/** What stands below an answer, for people. */
function footer({ model, degraded, usage, cost, request_id }: Answer): string {
  const writer = model === 'extractive' ? 'quoted from the documents, no model' : model;
  const remark = degraded ? ' · no model answered, these are search results' : '';
  const tokens = usage.input_tokens + usage.output_tokens;
  return `\n${writer}${remark} · ${tokens} tokens · $${cost.usd} · ${request_id}`;
}
