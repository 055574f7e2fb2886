/** Questions over the documents of the caller's tenant. */

import { z } from 'zod';
import type { Answer } from '../../query/index.ts';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { classification, idOf, money, names, plainLine, plainText } from '../schemas/wire.ts';
import { streamEvents } from '../sse.ts';

const citation = z
  .object({
    document_id: idOf('document'),
    title: z.string(),
    page: z.int().nullable(),
    start: z
      .int()
      .describe('The quote stands at `start` to `end` of the text of the document, in Unicode code points.'),
    end: z.int(),
    quote: z.string(),
    score: z.number().describe('0 to 1.'),
    classification,
  })
  .meta({ id: 'Citation' });

const answer = z
  .object({
    request_id: z.string(),
    answer: z.string().describe('Refers to its citations as [1], [2] …'),
    citations: z.array(citation),
    model: z.string().describe('`extractive` when the answer is quoted from the documents.'),
    degraded: z.boolean().describe('Whether no model could be reached and search results stand in for an answer.'),
    usage: z.object({ input_tokens: z.int(), output_tokens: z.int() }),
    cost: money,
  })
  .meta({ id: 'Answer' });

function wireAnswer({ costNano, ...rest }: Answer) {
  return { ...snakeCased(rest), cost: costNano };
}

const streamDescription = [
  'With `stream` the answer comes as an event stream: `retrieval` {passages}, then `token` {text} and `citation` events, then',
  '`done` with the same body as without `stream`. A failure after the first event is an `error` event with the problem as data.',
].join(' ');

export const queryOperations = [
  defineOperation({
    method: 'POST',
    path: '/api/query',
    operationId: 'ask',
    summary: 'Ask a question over your documents.',
    description: streamDescription,
    tag: 'questions',
    access: { permission: 'query:ask' },
    deadline: 'query',
    body: z
      .strictObject({
        question: plainText(1, 100_000).describe('At most QUESTION_CHARACTERS_MAX characters.'),
        collections: z
          .array(names(plainLine(1, 100), 'collection.id', 'collection.name'))
          .min(1)
          .max(100)
          .exactOptional()
          .describe('Ids or names; all that you may read when left out.'),
        top_k: z.int().min(1).max(1000).exactOptional().describe('Passages to answer from.'),
        stream: z.boolean().default(false),
      })
      .meta({ id: 'Question' }),
    success: {
      status: 200,
      description: 'The answer with its citations.',
      schema: answer,
      mediaTypes: ['text/event-stream'],
    },
    errors: ['input_blocked', 'insufficient_quota'],
    async handle({ services, ctx, body: { top_k: topK, stream, ...rest }, request, reply }) {
      const question = { ...rest, ...(topK === undefined ? {} : { topK }) };
      if (!stream) return wireAnswer(await services.answer(ctx, question));
      return streamEvents({ request, reply, ctx }, async (send) => {
        const complete = await services.answer(ctx, question, (event) => {
          if (event.type === 'citation') send('citation', citation.parse(snakeCased(event.citation)));
          else if (event.type === 'token') send('token', { text: event.text });
          else send('retrieval', { passages: event.passages });
        });
        send('done', answer.parse(wireAnswer(complete)));
      });
    },
  }),
];
