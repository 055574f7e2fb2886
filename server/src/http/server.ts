/**
 * The HTTP server: limits, then hooks in the order in which they run, then every operation of the list.
 *
 * Nothing is loaded by folder or name. A route without declared access stops the start.
 */

import cors from '@fastify/cors';
import { type FastifyInstance, fastify, LogController } from 'fastify';
import type { Config } from '../config/index.ts';
import type { Logger } from '../context.ts';
import { newId } from '../db/index.ts';
import { installJsonParser } from './body.ts';
import { installForms } from './form.ts';
import { openApiDocument } from './openapi-document.ts';
import type { Edge } from './operation.ts';
import { pageOperations } from './page.ts';
import { assertAccessDeclared, installAuthentication } from './plugins/auth.ts';
import { installDrain } from './plugins/drain.ts';
import { answerConnectionError, type ErrorDeps, installErrors, sendError } from './plugins/errors.ts';
import { installRequestContext } from './plugins/request-context.ts';
import { installRevocation } from './plugins/revocation.ts';
import { installSecurityHeaders, securityHeaders } from './plugins/security-headers.ts';
import { installStrictHttp, strictHttpOptions } from './plugins/strict-http.ts';
import { installTenantWall } from './plugins/tenant-wall.ts';
import { registerOperation } from './register.ts';
import { decorateRequests } from './request-state.ts';
import { operations } from './routes/index.ts';
import type { Services } from './services.ts';

/** What the server needs. */
export interface HttpServerOptions {
  readonly services: Services;
  readonly config: Config;
  readonly log: Logger;
}

/** A server, made and not yet listening. */
export interface HttpServer {
  /** Starts to listen; resolves with the address under which it can be reached. */
  readonly listen: () => Promise<string>;
  /** Lets running requests finish, within SHUTDOWN_TIMEOUT_MS, and stops. Calling it again waits for the same. */
  readonly close: () => Promise<void>;
  /** For tests: `inject` makes requests without a socket. */
  readonly app: FastifyInstance;
}

const parameterLengthMax = 512;
/** How often Node looks for connections that overran their time. */
const connectionCheckMsMax = 10_000;

/** Makes the server. */
export async function createHttpServer({ services, config, log }: HttpServerOptions): Promise<HttpServer> {
  const { server: settings } = config;
  const errorDeps: ErrorDeps = { services, limits: settings };
  const app: FastifyInstance = fastify({
    loggerInstance: log as FastifyInstance['log'],
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: () => newId('request'),
    requestIdHeader: false,
    // The entry that the proxy in front of us wrote; those before it are whatever the client claims.
    trustProxy: settings.trustProxy ? (_address, hop) => hop === 0 : false,
    bodyLimit: settings.bodyBytesMax,
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    routerOptions: { maxParamLength: parameterLengthMax },
    http: {
      ...strictHttpOptions,
      maxHeaderSize: settings.headerBytesMax,
      connectionsCheckingInterval: Math.min(connectionCheckMsMax, settings.requestTimeoutMs),
    },
    // Requests on connections that are still open while draining are answered like any other.
    return503OnClosing: false,
    // These are found while routing, before any hook.
    frameworkErrors(error, request, reply) {
      reply.headers({ ...securityHeaders, 'x-request-id': request.id, 'cache-control': 'no-store' });
      sendError(error, request, reply, errorDeps);
    },
    clientErrorHandler: (error, socket) => answerConnectionError(error, socket, settings),
  });
  app.server.maxConnections = settings.connectionsMax;

  decorateRequests(app);
  installRequestContext(app, services.metrics);
  installSecurityHeaders(app, { isProduction: settings.environment === 'production' });
  installStrictHttp(app);
  if (settings.corsOrigins.length > 0) await installCors(app, settings.corsOrigins);
  const drain = installDrain(app);
  installErrors(app, errorDeps);
  installAuthentication(app, { services, config, running: drain.running });
  installRevocation(app, {
    identity: services.identity,
    running: drain.running,
    intervalMs: config.security.credentialCheckIntervalMs,
    log,
  });
  installJsonParser(app);
  await installForms(app, config.documents.uploadBytesMax);
  installTenantWall(app, services);
  assertAccessDeclared(app);

  const edge: Edge = { isDraining: drain.isDraining, document: openApiDocument(operations) };
  const pages = await pageOperations(app, new URL('./page/', import.meta.url));
  for (const operation of [...operations, ...pages]) registerOperation(app, operation, services, edge);
  await app.ready();

  return {
    app,
    listen: () => app.listen({ host: settings.host, port: settings.port }),
    close: () => drain.drain(settings.shutdownTimeoutMs),
  };
}

/** Lets pages of the listed origins call the API and read the headers that matter. */
async function installCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['x-request-id', 'ratelimit', 'ratelimit-policy', 'retry-after', 'retry-after-ms', 'location'],
    maxAge: 600,
  });
}
