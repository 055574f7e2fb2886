/** Makes a Fastify route of an operation: validate, call the handler, reduce its answer to what is declared. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import { parsed } from './body.ts';
import { answered, type Call, type Edge, nothing, type Operation } from './operation.ts';
import { contextOf, operatorOf } from './request-state.ts';
import type { Services } from './services.ts';
import { dialects, surfaceOf } from './surfaces.ts';

/** Adds the route of an operation. */
export function registerOperation(app: FastifyInstance, operation: Operation, services: Services, edge: Edge): void {
  const { schema, status } = operation.success;
  // Pages, the gateway and SCIM take what clients append to their addresses; our own API names what it does not know.
  const query = operation.query ?? (operation.path.startsWith('/api/') ? nothing : undefined);
  app.route({
    method: operation.method,
    url: operation.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: { operation },
    handler(request, reply) {
      answer(request, reply).catch((error: unknown) => {
        reply.send(
          error instanceof Error ? error : new Error('Something that is no error was thrown.', { cause: error }),
        );
      });
    },
  });

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const call: Call<unknown, unknown, unknown> = {
      services,
      edge,
      get ctx() {
        return contextOf(request);
      },
      get operator() {
        return operatorOf(request);
      },
      params: operation.params === undefined ? {} : pathParameters(operation, request.params),
      query: query === undefined ? {} : parsed(query, request.query, 'query'),
      body: operation.body === undefined ? undefined : parsed(operation.body, request.body, 'body'),
      request,
      reply,
    };
    reply.code(status);
    const result = await operation.handle(call);
    if (result === answered) return;
    if (schema === undefined) reply.send();
    else
      reply
        .type(`${dialects[surfaceOf(operation.path)].answers}; charset=utf-8`)
        .send(JSON.stringify(schema.parse(result)));
  }
}

/** An id that has not the form of one cannot exist, which is all that the caller needs to know. */
function pathParameters(operation: Operation, params: unknown): unknown {
  const result = operation.params?.safeParse(params);
  if (result?.success !== true) throw new AppError('resource_not_found');
  return result.data;
}
