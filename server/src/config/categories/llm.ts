import { choice, integer, number, optionalText, text, url } from '../setting.ts';

/** Models and the endpoint that serves them. */
export const llm = {
  provider: choice({
    env: 'LLM_PROVIDER',
    values: ['auto', 'extractive', 'openai-compatible'],
    default: 'auto',
    description:
      'Who writes answers: extractive quotes the documents; openai-compatible calls OPENAI_BASE_URL; auto picks the latter once OPENAI_API_KEY is set or OPENAI_BASE_URL changed.',
  }),
  apiKey: optionalText({
    env: 'OPENAI_API_KEY',
    secret: true,
    description: 'Credential of the OpenAI-compatible endpoint.',
  }),
  baseUrl: url({
    env: 'OPENAI_BASE_URL',
    schemes: ['http', 'https'],
    default: 'https://api.openai.com/v1',
    description: 'Base address of the OpenAI-compatible endpoint.',
  }),
  model: text({
    env: 'LLM_MODEL',
    default: 'gpt-4-turbo',
    description: 'Model that answers questions about documents.',
  }),
  temperature: number({
    env: 'LLM_TEMPERATURE',
    default: 0.1,
    min: 0,
    max: 2,
    description: 'Sampling temperature of answers about documents.',
  }),
  contextTokensMax: integer({
    env: 'LLM_CONTEXT_TOKENS_MAX',
    default: 4000,
    min: 256,
    max: 1_000_000,
    unit: 'tokens',
    description: 'Budget of a prompt: instructions, passages and question.',
  }),
  outputTokensMax: integer({
    env: 'LLM_OUTPUT_TOKENS_MAX',
    default: 1000,
    min: 16,
    max: 200_000,
    unit: 'tokens',
    description: 'Longest answer to a question, and the bound reserved for a chat that names no max_tokens.',
  }),
  connectionsMax: integer({
    env: 'LLM_CONNECTIONS_MAX',
    default: 256,
    min: 1,
    max: 10_000,
    unit: 'count',
    description: 'Most connections to the endpoint at once.',
  }),
  connectTimeoutMs: integer({
    env: 'LLM_CONNECT_TIMEOUT_MS',
    default: 5000,
    min: 50,
    max: 120_000,
    unit: 'milliseconds',
    description: 'How long opening a connection to the endpoint may take.',
  }),
  firstByteTimeoutMs: integer({
    env: 'LLM_FIRST_BYTE_TIMEOUT_MS',
    default: 60_000,
    min: 50,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long the endpoint may take to begin its answer.',
  }),
  idleTimeoutMs: integer({
    env: 'LLM_IDLE_TIMEOUT_MS',
    default: 30_000,
    min: 50,
    max: 600_000,
    unit: 'milliseconds',
    description: 'Longest pause within an answer of the endpoint.',
  }),
  attemptsMax: integer({
    env: 'LLM_ATTEMPTS_MAX',
    default: 3,
    min: 1,
    max: 10,
    unit: 'count',
    description: 'How often a call is tried while nothing of its answer has arrived.',
  }),
};
