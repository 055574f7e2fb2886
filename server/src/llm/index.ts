/** Model endpoints: text, vectors, and their tokens. */

export { type ChatFrame, type ChatStream, readChatCompletion, readChatStream } from './chat-stream.ts';
export type { ChatTally } from './chat-tally.ts';
export type { Embedder, EmbedderProfile } from './embedders/embedder.ts';
export { createUseLiteEmbedder, type UseLiteOptions } from './embedders/use-lite.ts';
export {
  createOpenAiUpstream,
  type ModelEntry,
  type OpenAiUpstream,
  type OpenAiUpstreamOptions,
  type SendOptions,
  type UpstreamPath,
  type UpstreamResponse,
  type UpstreamSign,
} from './openai-upstream.ts';
export type {
  ChatMessage,
  GenerateEvent,
  GenerateOptions,
  GenerateRequest,
  LlmProvider,
  Usage,
} from './provider.ts';
export { createOpenAiCompatibleProvider, type OpenAiCompatibleOptions } from './providers/openai-compatible.ts';
export { type CountableMessage, countChatTokens, countTokens } from './tokens.ts';
