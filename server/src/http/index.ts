/** The HTTP edge: the API, the gateway, health, metrics and the web page. */

export type { OpenApiDocument } from './openapi.ts';
export { openApiDocument } from './openapi-document.ts';
export type { Operation } from './operation.ts';
export { operations } from './routes/index.ts';
export { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts';
export type { HealthComponent, Services } from './services.ts';
