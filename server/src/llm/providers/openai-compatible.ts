/** Text from any endpoint that speaks the OpenAI chat wire: OpenAI, Azure, vLLM, llama.cpp, Ollama, Groq, Mistral … */

import { AppError, isAppError } from '../../errors.ts';
import { readChatStream } from '../chat-stream.ts';
import type { OpenAiUpstream } from '../openai-upstream.ts';
import type { GenerateRequest, LlmProvider, Usage } from '../provider.ts';
import { countChatTokens } from '../tokens.ts';

/** Where endpoints differ. */
export interface OpenAiCompatibleOptions {
  /**
   * How the longest answer is told. OpenAI's reasoning models want `max_completion_tokens`; everybody else knows
   * `max_tokens`. The default is the one that fails loudly: an endpoint that ignored the limit would overrun budgets.
   */
  readonly outputLimitName?: 'max_tokens' | 'max_completion_tokens';
}

/** Makes a provider over an endpoint; closing it closes the endpoint's connections. */
export function createOpenAiCompatibleProvider(
  upstream: OpenAiUpstream,
  { outputLimitName = 'max_tokens' }: OpenAiCompatibleOptions = {},
): LlmProvider {
  function bodyFrom({ model, messages, outputTokensMax, temperature }: GenerateRequest): object {
    return {
      model,
      messages,
      [outputLimitName]: outputTokensMax,
      ...(temperature === undefined ? {} : { temperature }),
      stream: true,
      stream_options: { include_usage: true },
    };
  }

  return {
    id: 'openai-compatible',

    async *generate(request, { onUsage, ...options }) {
      const response = await upstream
        .send('/chat/completions', bodyFrom(request), { ...options, stream: true })
        .catch(blameUs);
      const { frames, tally } = readChatStream(response.body);
      let usage: Usage | undefined;
      try {
        for await (const { text } of frames) if (text !== '') yield { type: 'text', text };
      } finally {
        usage = tally.usage(() => countChatTokens(request.messages));
        if (usage !== undefined) onUsage?.(usage);
      }
      if (usage === undefined) throw new Error('A complete answer has a usage.');
      yield { type: 'finish', reason: tally.finishReason ?? 'unknown', model: tally.model ?? request.model, usage };
    },

    async check(signal) {
      await upstream.listModels(signal);
    },

    close: () => upstream.close(),
  };
}

/** The request was ours, not the client's: what is wrong with it is nothing that the client could correct. */
function blameUs(error: unknown): never {
  if (!isAppError(error, 'request_invalid')) throw error;
  throw new AppError('upstream_rejected', {
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    cause: error,
  });
}
