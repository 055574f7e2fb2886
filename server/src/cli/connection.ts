/**
 * Which server a command talks to, and as whom.
 *
 * The keys of the demo are sent to the demo server only: naming another server without naming a key is an error.
 */

import type { Config } from '../config/index.ts';
import type { BuiltInRole } from '../context.ts';
import { CommandError } from './failures.ts';
import type { FirstRun, FirstRunUser } from './first-run-file.ts';

/** Options of every command that talks to a server. */
export interface ConnectionOptions {
  readonly url?: string;
  /** E-mail address of a demo user. */
  readonly as?: string;
}

/** A server and a credential for it. */
export interface Connection {
  readonly url: string;
  /** Absent before a login. */
  readonly key?: string;
  /** Whose key it is, where that is known: somebody of the demo. */
  readonly demoUser?: string;
}

/**
 * The connection of a command of a tenant.
 * @param role of the demo user who may run it, for servers that have the demo.
 */
export function tenantConnection(
  settings: Config['client'],
  firstRun: FirstRun | undefined,
  options: ConnectionOptions,
  role: BuiltInRole,
): Connection {
  const { url, demo } = serverFrom(settings, firstRun, options);
  if (options.as === undefined && settings.apiKey !== undefined) return { url, key: settings.apiKey };
  const user = options.as === undefined ? firstOfRole(demo, role) : demoUser(demo, options.as);
  if (user !== undefined) return { url, key: user.api_key, demoUser: user.email };
  throw new CommandError('notConfigured', `No API key for ${url} is known.`, {
    fix: 'Set GENAI_API_KEY to a key of that server.',
  });
}

/** The connection of a command that has no credential yet. */
export function anonymousConnection(
  settings: Config['client'],
  firstRun: FirstRun | undefined,
  options: ConnectionOptions,
): Connection {
  return { url: serverFrom(settings, firstRun, options).url };
}

/** The connection of a command of the platform's operators. */
export function operatorConnection(
  settings: Config['client'],
  firstRun: FirstRun | undefined,
  options: ConnectionOptions,
): Connection & { readonly key: string } {
  const { url, demo } = serverFrom(settings, firstRun, options);
  const key = settings.operatorKey ?? demo?.operator_key;
  if (key !== undefined) return { url, key };
  throw new CommandError('notConfigured', `No operator key for ${url} is known.`, {
    fix: 'Set GENAI_OPERATOR_KEY. `genai operators create-key NAME`, run beside the server, makes one.',
  });
}

function serverFrom(settings: Config['client'], firstRun: FirstRun | undefined, options: ConnectionOptions) {
  const url = options.url ?? settings.url ?? firstRun?.base_url;
  if (url === undefined) {
    throw new CommandError('notConfigured', 'No server is known.', {
      fix: 'Start one with `genai up`, or name one with --url or GENAI_URL.',
    });
  }
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new CommandError('usage', `"${url}" is not the address of a server.`, {
      fix: 'Write it as http://HOST:PORT or https://HOST.',
    });
  }
  const isDemo = firstRun !== undefined && new URL(firstRun.base_url).origin === new URL(url).origin;
  return { url, demo: isDemo ? firstRun : undefined };
}

function firstOfRole(demo: FirstRun | undefined, role: BuiltInRole): FirstRunUser | undefined {
  return demo?.tenants[0]?.users.find((user) => user.role === role);
}

function demoUser(demo: FirstRun | undefined, email: string): FirstRunUser {
  const users = demo?.tenants.flatMap((tenant) => tenant.users) ?? [];
  const user = users.find((candidate) => candidate.email === email);
  if (user !== undefined) return user;
  const known = users.map((candidate) => candidate.email).join(', ');
  throw new CommandError('usage', `The demo of this server has no user "${email}".`, {
    fix: known === '' ? 'Use GENAI_API_KEY; --as is for the demo server only.' : `Name one of: ${known}.`,
  });
}
