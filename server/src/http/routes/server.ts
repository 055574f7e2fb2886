/** What the server tells about itself: health, metrics, and its reference. */

import { z } from 'zod';
import { answered, defineOperation } from '../operation.ts';
import { asPage } from '../plugins/security-headers.ts';
import { referencePage, referenceStyle } from '../reference-page.ts';
import type { HealthComponent } from '../services.ts';

/** Longest wait for the parts of the server to say how they are. */
const healthTimeoutMs = 5000;

const component = z
  .object({
    name: z.string(),
    status: z.enum(['ok', 'degraded', 'down', 'off']).describe('`off`: not used by the settings.'),
    required: z.boolean().describe('Whether the server can do its main job without it.'),
    detail: z.string().exactOptional(),
    latency_ms: z.number().exactOptional(),
  })
  .meta({ id: 'HealthComponent' });

const healthReport = z
  .object({ status: z.enum(['ok', 'degraded', 'down']), components: z.array(component) })
  .meta({ id: 'HealthReport' });

function wireComponent({ latencyMs, ...rest }: HealthComponent) {
  return { ...rest, ...(latencyMs === undefined ? {} : { latency_ms: latencyMs }) };
}

/** `down` when something required is; `degraded` when anything else is not well. */
function overallStatus(components: readonly HealthComponent[]): 'ok' | 'degraded' | 'down' {
  if (components.some(({ status, required }) => required && status === 'down')) return 'down';
  return components.some(({ status }) => status === 'down' || status === 'degraded') ? 'degraded' : 'ok';
}

export const serverOperations = [
  defineOperation({
    method: 'GET',
    path: '/health',
    operationId: 'getLiveness',
    summary: 'Whether the process answers.',
    description: 'Touches no dependency: a process is not to be restarted because its database is away.',
    tag: 'server',
    access: 'public',
    monitoring: 'open',
    success: {
      status: 200,
      description: 'It does.',
      schema: z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' }),
    },
    handle: async () => ({ status: 'ok' as const }),
  }),

  defineOperation({
    method: 'GET',
    path: '/health/detailed',
    operationId: 'getReadiness',
    summary: 'Whether the server is ready, part by part.',
    tag: 'server',
    access: 'public',
    monitoring: 'token',
    success: { status: 200, description: 'Ready.', schema: healthReport },
    otherResponses: {
      503: { description: 'A required part is down, or the server is shutting down.', schema: healthReport },
    },
    async handle({ services, edge, reply }) {
      const parts = await services.health.components(AbortSignal.timeout(healthTimeoutMs));
      const server: HealthComponent = edge.isDraining()
        ? { name: 'server', status: 'down', required: true, detail: 'It is shutting down.' }
        : { name: 'server', status: 'ok', required: true };
      const components = [server, ...parts];
      const status = overallStatus(components);
      if (status === 'down') reply.code(503);
      return { status, components: components.map(wireComponent) };
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/metrics',
    operationId: 'getMetrics',
    summary: 'All metrics, in the text format of Prometheus.',
    tag: 'server',
    access: 'public',
    monitoring: 'token',
    success: { status: 200, description: 'The metrics.', mediaTypes: ['text/plain'] },
    async handle({ services, reply }) {
      const { contentType, body } = await services.metrics.exposition();
      reply.type(contentType).send(body);
      return answered;
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This reference, for programs.',
    tag: 'server',
    access: 'public',
    success: { status: 200, description: 'An OpenAPI 3.1 document.', mediaTypes: ['application/json'] },
    async handle({ edge, reply }) {
      reply.type('application/json; charset=utf-8').send(JSON.stringify(edge.document));
      return answered;
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/docs',
    operationId: 'getReference',
    summary: 'This reference, for people.',
    tag: 'server',
    access: 'public',
    success: { status: 200, description: 'A page.', mediaTypes: ['text/html'] },
    async handle({ edge, reply }) {
      asPage(reply).type('text/html; charset=utf-8').send(referencePage(edge.document));
      return answered;
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/docs/style.css',
    operationId: 'getReferenceStyle',
    summary: 'The style of the reference.',
    tag: 'server',
    access: 'public',
    success: { status: 200, description: 'A style sheet.', mediaTypes: ['text/css'] },
    async handle({ reply }) {
      asPage(reply).type('text/css; charset=utf-8').send(referenceStyle);
      return answered;
    },
  }),
];
