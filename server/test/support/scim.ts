/** A directory that provisions a tenant: requests as SCIM clients send them. */

import type { TestApp } from './app.ts';

const patchSchema = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
export const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const errorSchema = 'urn:ietf:params:scim:api:messages:2.0:Error';
export const extension = 'urn:ietf:params:scim:schemas:extension:genai:2.0:User';

/** An answer. */
export interface ScimReply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** A client with a key of a tenant. */
export function scimClient(baseUrl: string, key: string) {
  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ScimReply> => {
    const response = await fetch(`${baseUrl}/scim/v2${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        accept: 'application/scim+json',
        ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
}

/** Operations in the message that carries them. */
export const patchOf = (...Operations: readonly object[]) => ({ schemas: [patchSchema], Operations });

/** A key that is scoped for provisioning and nothing else, of the admin of a demo tenant. */
export async function provisioningKey(server: TestApp, tenant: 'acme' | 'globex'): Promise<string> {
  const admin = server.user(tenant, 'admin');
  const { body } = await server.call(admin, 'POST', '/api/keys', { name: 'directory', scopes: ['users:provision'] });
  return String(body['key']);
}
