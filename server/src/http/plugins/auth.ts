/**
 * Who asks, and may they: the one place where credentials become a context and where declared access is enforced.
 *
 * Runs before the body is read, in this order: credential, rate, tenant named by the request, permission. An operation
 * without declared access cannot be registered (see `assertAccessDeclared`).
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { assertCan } from '../../access/index.ts';
import type { Config } from '../../config/index.ts';
import type { RequestContext } from '../../context.ts';
import { AppError, isAppError } from '../../errors.ts';
import type { Authenticated } from '../../identity/index.ts';
import type { Admission } from '../../limits/index.ts';
import type { Operation } from '../operation.ts';
import { operationOf } from '../request-state.ts';
import type { Services } from '../services.ts';
import { surfaceOf } from '../surfaces.ts';
import type { RunningRequests } from './drain.ts';
import { setRateHeaders } from './rate-headers.ts';
import { openContext } from './request-context.ts';
import { assertOwnTenant, tenantsNamedOutsideBody } from './tenant-wall.ts';

/** What authentication needs. */
export interface AuthDeps {
  readonly services: Pick<Services, 'identity' | 'limits' | 'tenants' | 'audit'>;
  readonly config: Pick<Config, 'server' | 'query' | 'observability'>;
  readonly running: RunningRequests;
}

/** Throws at start for a route that does not say who may call it. */
export function assertAccessDeclared(app: FastifyInstance): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.operation?.access === undefined)
      throw new Error(`The route ${String(method)} ${url} does not declare its access.`);
  });
}

/** Installs the hook. */
export function installAuthentication(app: FastifyInstance, deps: AuthDeps): void {
  app.addHook('onRequest', async (request, reply) => {
    const operation = operationOf(request);
    if (operation?.monitoring !== undefined) {
      if (operation.monitoring === 'token') assertMetricsToken(request, deps.config.observability.metricsToken);
      return;
    }
    if (operation === undefined || operation.access === 'public') {
      await admitAnonymous(request, reply, deps);
      return;
    }
    const credential = credentialOf(request);
    if (operation.access === 'operator' && credential?.startsWith('op-gen-') === true) {
      request.state.operator = await authenticated(request, reply, deps, () =>
        deps.services.identity.authenticateOperator(credential),
      );
      return;
    }
    await enterTenant(request, reply, operation, credential, deps);
  });
}

async function enterTenant(
  request: FastifyRequest,
  reply: FastifyReply,
  operation: Operation,
  credential: string | undefined,
  deps: AuthDeps,
): Promise<void> {
  const { services, config } = deps;
  const who = await authenticated<Authenticated>(request, reply, deps, () => {
    if (credential === undefined)
      throw new AppError('authentication_required', { detail: 'There is no bearer token.' });
    return services.identity.authenticate(credential);
  });
  const timeoutMs = operation.deadline === 'query' ? config.query.timeoutMs : config.server.requestTimeoutMs;
  const ctx = openContext(request, reply, who, { timeoutMs, running: deps.running });
  request.state.ctx = ctx;
  enter(reply, await services.limits.admit(ctx));
  await recordedIfOperator(request, ctx, operation, services, async () => {
    await assertOwnTenant(ctx, operation, tenantsNamedOutsideBody(request, operation), services);
    if (operation.access === 'operator') {
      throw new AppError('permission_denied', { detail: 'This operation is for operators of the platform.' });
    }
    if (typeof operation.access === 'object') assertCan(ctx, operation.access.permission);
  });
}

/** A tenant sees in its audit log whatever an operator asks with break-glass access, before it is answered, and also what is denied. */
async function recordedIfOperator(
  { params }: FastifyRequest,
  ctx: RequestContext,
  { operationId: operation }: Operation,
  { identity }: Pick<Services, 'identity'>,
  check: () => Promise<void>,
): Promise<void> {
  if (ctx.principal.credential.kind !== 'break_glass') return check();
  const { id } = (params ?? {}) as { id?: string };
  const use = { operation, ...(id === undefined ? {} : { resourceId: id }) };
  try {
    await check();
  } catch (error) {
    await identity.breakGlass.record(ctx, { ...use, isDenied: true });
    throw error;
  }
  await identity.breakGlass.record(ctx, { ...use, isDenied: false });
}

/** Checks a credential; one that is refused counts against the address, so that guessing is slow. */
async function authenticated<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  deps: AuthDeps,
  check: () => Promise<T>,
): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (isAppError(error, 'authentication_required')) await admitAnonymous(request, reply, deps);
    throw error;
  }
}

async function admitAnonymous(request: FastifyRequest, reply: FastifyReply, { services }: AuthDeps): Promise<void> {
  enter(reply, await services.limits.admitAnonymous(request.ip));
}

/** Tells what is left, and then refuses what is over. */
function enter(reply: FastifyReply, { rates, refusal }: Admission): void {
  setRateHeaders(reply, rates);
  if (refusal !== undefined) throw refusal;
}

/** METRICS_TOKEN, where it is set. */
function assertMetricsToken(request: FastifyRequest, token: string | undefined): void {
  if (token === undefined || isSameText(credentialOf(request) ?? '', token)) return;
  throw new AppError('authentication_required', { detail: 'METRICS_TOKEN is required as bearer token.' });
}

/** In a time that does not tell how much of the text was right. */
function isSameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** The bearer token; on the gateway also the headers that other clients send their key in. */
function credentialOf({ headers, url }: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined || surfaceOf(url) !== 'gateway') return bearer;
  return [headers['x-api-key'], headers['api-key']].find((value) => typeof value === 'string');
}
