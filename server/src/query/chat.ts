/**
 * Passes a chat on to the model endpoint and its answer back, unchanged, between reservation and settlement.
 *
 * The ladder is that of a question without retrieval. Bytes of the endpoint reach the client as they are; what they say
 * about usage is read on the way. When the client asked for no usage, the frame that holds nothing else is withheld.
 */

import { z } from 'zod';
import type { RequestContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { inspectInput } from '../guard/index.ts';
import { countChatTokens, type OpenAiUpstream, readChatCompletion, readChatStream } from '../llm/index.ts';
import { type Meter, type MeterDeps, metered } from './metered.ts';
import { inSlot, type SlotDeps } from './slot.ts';

/** What this server has to understand of a chat; all other fields pass through. */
export const chatBody = z.looseObject({
  model: z.string().min(1).max(256),
  messages: z
    .array(z.looseObject({ role: z.string().meta({ examples: ['user'] }), content: z.unknown().optional() }))
    .min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  n: z.int().min(1).max(128).nullish(),
});
export type ChatBody = z.infer<typeof chatBody>;

/** Where the answer goes. */
export interface ChatSink {
  /** Called once, before the first byte. */
  readonly head: (headers: Readonly<Record<string, string>>) => void;
  /** Resolves when the client can take more. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
}

/** What chatting needs. */
export interface ChatDeps extends MeterDeps, SlotDeps {
  /** Absent when no endpoint is configured. */
  readonly upstream: OpenAiUpstream | undefined;
  readonly settings: { readonly outputTokensMax: number };
}

/** Carries a chat out; rejects before `head` for everything that can still be an HTTP error, after it for the rest. */
export type Chat = (ctx: RequestContext, body: ChatBody, sink: ChatSink) => Promise<void>;

const providerId = 'openai-compatible';

/** Makes the flow of a chat. */
export function createChat(deps: ChatDeps): Chat {
  return async function chat(ctx, body, sink) {
    const { upstream } = deps;
    if (upstream === undefined) throw noEndpoint();
    const inputTokens = countChatTokens(body.messages, body.tools);
    const outputTokens =
      (body.max_completion_tokens ?? body.max_tokens ?? deps.settings.outputTokensMax) * (body.n ?? 1);
    const work = {
      operation: 'chat',
      provider: providerId,
      model: body.model,
      bound: { inputTokens, outputTokens },
    } as const;

    await metered(deps, ctx, work, async (whole) => {
      for (const text of textsOf(body)) {
        const verdict = inspectInput(text);
        if (verdict.action === 'block')
          throw new AppError('input_blocked', { detail: `A message holds ${verdict.reason.replace('_', ' ')}.` });
      }
      await inSlot(deps, ctx, work, whole, (meter) => forward(upstream, ctx, body, inputTokens, meter, sink));
    });
  };

  async function forward(
    upstream: OpenAiUpstream,
    ctx: RequestContext,
    body: ChatBody,
    inputTokens: number,
    meter: Meter,
    sink: ChatSink,
  ): Promise<void> {
    const isStream = body.stream === true;
    const wantsUsage = body.stream_options?.include_usage === true;
    const { signal, requestId, log } = ctx;
    const sent = boundedBody(body, deps.settings.outputTokensMax);
    const response = await upstream.send('/chat/completions', sent, {
      signal,
      requestId,
      log,
      stream: isStream,
      beforeAttempt: meter.attempt,
    });
    if (!isStream) {
      const { bytes, tally } = await readChatCompletion(response.body);
      noteUsage(meter, tally, inputTokens);
      meter.answeredBy({ provider: providerId, model: tally.model ?? body.model });
      sink.head(response.headers);
      return sink.write(bytes);
    }
    const { frames, tally } = readChatStream(response.body);
    sink.head(response.headers);
    try {
      for await (const frame of frames) if (wantsUsage || frame.kind !== 'usage') await sink.write(frame.bytes);
    } finally {
      noteUsage(meter, tally, inputTokens);
      meter.answeredBy({ provider: providerId, model: tally.model ?? body.model });
    }
  }
}

/** The body as it is sent: the client's, with a bound on the answer and, for streams, a usage to charge by. */
function boundedBody(body: ChatBody, outputTokensMax: number): ChatBody {
  const isBounded = (body.max_completion_tokens ?? body.max_tokens ?? undefined) !== undefined;
  return {
    ...body,
    ...(isBounded ? {} : { max_tokens: outputTokensMax }),
    ...(body.stream === true ? { stream_options: { ...body.stream_options, include_usage: true } } : {}),
  };
}

function noteUsage(
  meter: Meter,
  tally: { usage: (countInput: () => number) => Parameters<Meter['used']>[0] | undefined },
  inputTokens: number,
): void {
  const usage = tally.usage(() => inputTokens);
  if (usage !== undefined) meter.used(usage);
}

function textsOf({ messages }: ChatBody): string[] {
  return messages.flatMap(({ content }) => {
    if (typeof content === 'string') return [content];
    if (!Array.isArray(content)) return [];
    return content.flatMap((part: unknown) => {
      const text = (part as { text?: unknown } | null)?.text;
      return typeof text === 'string' ? [text] : [];
    });
  });
}

/** Says that chats need a model endpoint. */
function noEndpoint(): AppError {
  return new AppError('model_not_found', {
    detail: 'No model endpoint is configured. An operator can set OPENAI_BASE_URL and OPENAI_API_KEY.',
  });
}
