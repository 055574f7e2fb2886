/**
 * Chat completions of the TEST upstream, as JSON and as a stream, in the shapes that OpenAI documents plus two fields that
 * nobody knows (`x_test_unknown`), so that a test can see whether a gateway loses any.
 */

import { randomUUID } from 'node:crypto';
import { answerTokens, type Message, promptTokens } from './answer.ts';
import type { Behaviour } from './behaviour.ts';
import { type Exchange, failEarly, fallSilent, pause, reset, sendJson } from './exchange.ts';

/** A part of the answer that is sent at once. */
interface Part {
  readonly delta: object;
  readonly tokens: number;
}

interface Plan {
  readonly model: string;
  readonly message: object;
  readonly parts: readonly Part[];
  readonly finishReason: string;
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
  readonly includeUsage: boolean;
}

const toolArguments = ['{"query":', '"weather', ' in Ålesund"}'];

function toolParts(): Part[] {
  const call = { index: 0, id: 'call_test_1', type: 'function', function: { name: 'lookup', arguments: '' } };
  return [
    { delta: { tool_calls: [call] }, tokens: 1 },
    ...toolArguments.map((text) => ({
      delta: { tool_calls: [{ index: 0, function: { arguments: text } }] },
      tokens: 1,
    })),
  ];
}

function textParts(tokens: readonly string[], chunks: number): Part[] {
  return Array.from({ length: Math.min(chunks, tokens.length) }, (_, index) => {
    const from = Math.floor((index * tokens.length) / Math.min(chunks, tokens.length));
    const to = Math.floor(((index + 1) * tokens.length) / Math.min(chunks, tokens.length));
    return { delta: { content: tokens.slice(from, to).join('') }, tokens: to - from };
  });
}

function planFrom(body: Record<string, unknown>, behaviour: Behaviour): Plan {
  const messages = Array.isArray(body.messages) ? (body.messages as Message[]) : [];
  const limit = body.max_completion_tokens ?? body.max_tokens;
  const answer = answerTokens(behaviour, messages, typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY);
  const parts = behaviour.tool ? toolParts() : textParts(answer.tokens, behaviour.chunks ?? answer.tokens.length);
  const prompt = promptTokens(messages);
  const completion = parts.reduce((sum, part) => sum + part.tokens, 0);
  const call = { id: 'call_test_1', type: 'function', function: { name: 'lookup', arguments: toolArguments.join('') } };
  return {
    model: String(body.model),
    message: behaviour.tool
      ? { role: 'assistant', content: null, tool_calls: [call] }
      : { role: 'assistant', content: answer.tokens.join(''), refusal: null },
    parts,
    finishReason: finishReasonOf(behaviour, answer.cut),
    usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
    includeUsage: (body.stream_options as { include_usage?: unknown } | undefined)?.include_usage === true,
  };
}

function finishReasonOf(behaviour: Behaviour, cut: boolean): string {
  if (behaviour.tool) return 'tool_calls';
  return cut ? 'length' : 'stop';
}

/** Answers one chat completion request. */
export async function serveChat(
  exchange: Exchange,
  body: Record<string, unknown>,
  behaviour: Behaviour,
): Promise<void> {
  if (await failEarly(exchange, behaviour)) return;
  const plan = planFrom(body, behaviour);
  if (body.stream === true) await sendStream(exchange, plan, behaviour);
  else await sendCompletion(exchange, plan, behaviour);
}

async function sendCompletion(exchange: Exchange, plan: Plan, behaviour: Behaviour): Promise<void> {
  const { prompt_tokens: input, completion_tokens: output } = plan.usage;
  await pause(exchange, behaviour.ttft + behaviour.gap * (output - 1));
  exchange.serve({ input, output });
  if (behaviour.inband_error) return sendJson(exchange, 200, inbandError);
  const completion = JSON.stringify({
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: plan.model,
    choices: [{ index: 0, message: plan.message, logprobs: null, finish_reason: plan.finishReason }],
    ...(behaviour.usage === 'none' ? {} : { usage: plan.usage }),
    system_fingerprint: 'fp_test',
    x_test_unknown: { kept: true },
  });
  const half = completion.slice(0, completion.length / 2);
  if (behaviour.malformed || behaviour.truncate) return sendJson(exchange, 200, half);
  if (behaviour.reset !== 'mid' && behaviour.hang !== 'mid') return sendJson(exchange, 200, completion);
  exchange.response.writeHead(200, { 'content-type': 'application/json' });
  exchange.response.write(half);
  if (behaviour.hang === 'mid') await fallSilent(exchange);
  await reset(exchange);
}

const inbandError = {
  error: { message: 'This is the wanted error in band.', type: 'server_error', code: 'server_error' },
};

async function sendStream(exchange: Exchange, plan: Plan, behaviour: Behaviour): Promise<void> {
  const { response } = exchange;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  const head = {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model: plan.model,
    system_fingerprint: 'fp_test',
    x_test_unknown: { kept: true },
    ...(plan.includeUsage ? { usage: null } : {}),
  };
  const send = (chunk: object) => writeEvent(response, JSON.stringify({ ...head, ...chunk }), behaviour);
  const choice = (delta: object, finishReason: string | null) => [
    { index: 0, delta, logprobs: null, finish_reason: finishReason },
  ];

  await pause(exchange, behaviour.ttft);
  exchange.serve({ input: plan.usage.prompt_tokens });
  await send({ choices: choice({ role: 'assistant', content: plan.finishReason === 'tool_calls' ? null : '' }, null) });
  const middle = Math.ceil(plan.parts.length / 2);
  for (const [index, part] of plan.parts.entries()) {
    if (index === middle && (await failMidway(exchange, behaviour))) return;
    if (index > 0) await pause(exchange, behaviour.gap);
    exchange.serve({ output: part.tokens });
    await send({ choices: choice(part.delta, null) });
  }
  if (middle === plan.parts.length && (await failMidway(exchange, behaviour))) return;
  const usageWithChoices = behaviour.usage === 'with-choices' ? { usage: plan.usage } : {};
  await send({ choices: choice({}, plan.finishReason), ...usageWithChoices });
  if (plan.includeUsage && behaviour.usage === undefined) await send({ choices: [], usage: plan.usage });
  await writeEvent(response, '[DONE]', behaviour);
  await pause(exchange, behaviour.linger);
  response.end();
}

/** Carries out the faults in the middle of a stream; true when the stream ends with it. */
async function failMidway(exchange: Exchange, behaviour: Behaviour): Promise<boolean> {
  const { response } = exchange;
  if (behaviour.hang === 'mid') await fallSilent(exchange);
  if (behaviour.malformed) await writeEvent(response, '{"id":"chatcmpl-test","choices":[{"ind', behaviour);
  if (behaviour.inband_error) await writeEvent(response, JSON.stringify(inbandError), behaviour);
  if (behaviour.reset === 'mid') {
    response.write('data: {"id":"chatcmpl-test","cho');
    await reset(exchange);
    return true;
  }
  if (behaviour.truncate || behaviour.inband_error) response.end();
  return behaviour.truncate === true || behaviour.inband_error === true;
}

/** Writes one event, split inside each multi-byte character where that is wanted. */
async function writeEvent(response: Exchange['response'], data: string, behaviour: Behaviour): Promise<void> {
  const newline = behaviour.crlf ? '\r\n' : '\n';
  const event = Buffer.from(
    `${behaviour.crlf ? `: comment${newline}${newline}` : ''}data: ${data}${newline}${newline}`,
  );
  if (!behaviour.utf8split) {
    response.write(event);
    return;
  }
  let from = 0;
  for (let index = 0; index < event.length; index += 1) {
    if ((event[index] ?? 0) < 0xc0) continue;
    response.write(event.subarray(from, index + 1));
    from = index + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.write(event.subarray(from));
}
