/** The OpenAI-compatible gateway. Fields that we do not know pass through; those that would choose the endpoint do not. */

import { z } from 'zod';
import { AppError } from '../../errors.ts';
import type { ModelEntry } from '../../llm/index.ts';
import { chatBody } from '../../query/index.ts';
import { defineOperation } from '../operation.ts';
import { names } from '../schemas/wire.ts';
import { passThrough } from '../sse.ts';

const model = z
  .object({ id: names(z.string(), 'model.id'), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .meta({ id: 'Model' });

const wireModel = ({ id, created, ownedBy }: ModelEntry) => ({
  id,
  object: 'model' as const,
  created,
  owned_by: ownedBy,
});

/**
 * Fields by which gateways behind us could be told another endpoint or credential. They are refused and not dropped, so
 * that nobody believes they had an effect.
 */
const endpointFields = [
  ...['api_base', 'base_url', 'api_key', 'api_type', 'api_version', 'organization', 'custom_llm_provider'],
  ...['extra_headers', 'headers', 'extra_body', 'proxy', 'fallbacks', 'model_list', 'deployment_id'],
];

const chatRequest = chatBody
  .extend({ model: names(chatBody.shape.model, 'model.id') })
  .superRefine((body, refinement) => {
    for (const field of endpointFields) {
      if (Object.hasOwn(body, field))
        refinement.addIssue({
          code: 'custom',
          path: [field],
          message: 'is not accepted; the server decides the endpoint',
        });
    }
  })
  .meta({ id: 'ChatRequest' });

export const gatewayOperations = [
  defineOperation({
    method: 'GET',
    path: '/v1/models',
    operationId: 'listModels',
    summary: 'List the models that you may use.',
    tag: 'gateway',
    access: { permission: 'models:read' },
    success: {
      status: 200,
      description: 'The models.',
      schema: z.object({ object: z.literal('list'), data: z.array(model) }).meta({ id: 'ModelList' }),
    },
    errors: ['upstream_unavailable'],
    handle: async ({ services, ctx }) => ({
      object: 'list' as const,
      data: (await services.models(ctx)).map(wireModel),
    }),
  }),

  defineOperation({
    method: 'GET',
    path: '/v1/models/{id}',
    operationId: 'getModel',
    summary: 'Read what is known about a model.',
    tag: 'gateway',
    access: { permission: 'models:read' },
    params: z.object({ id: names(z.string().max(256), 'model.id') }),
    needs: 'a model endpoint',
    refusals: ['model_not_found'],
    success: { status: 200, description: 'The model.', schema: model },
    errors: ['model_not_found', 'upstream_unavailable'],
    async handle({ services, ctx, params }) {
      const found = (await services.models(ctx)).find(({ id }) => id === params.id);
      if (found === undefined) throw new AppError('model_not_found');
      return wireModel(found);
    },
  }),

  defineOperation({
    method: 'POST',
    path: '/v1/chat/completions',
    operationId: 'createChatCompletion',
    summary: 'Chat with a model.',
    description: 'Request and answer are those of the OpenAI API and pass through unchanged, streaming or not.',
    tag: 'gateway',
    access: { permission: 'chat:create' },
    deadline: 'query',
    needs: 'a model endpoint',
    refusals: ['model_not_found'],
    body: chatRequest,
    success: {
      status: 200,
      description: 'The answer of the model.',
      mediaTypes: ['application/json', 'text/event-stream'],
    },
    errors: [
      ...(['context_length_exceeded', 'input_blocked', 'insufficient_quota', 'model_not_found'] as const),
      ...(['upstream_rate_limited', 'upstream_rejected', 'upstream_unavailable'] as const),
    ],
    handle: ({ services, ctx, body, request, reply }) =>
      passThrough({ request, reply, ctx }, (sink) => services.chat(ctx, body, sink)),
  }),
];
