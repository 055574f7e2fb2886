/** The web page at `/`: static files, each with a route of its own, so that nothing else of the folder can be reached. */

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { answered, defineOperation, type Operation } from './operation.ts';
import { asPage } from './plugins/security-headers.ts';

const servedEndings = /^[\w-]+\.(?:html|js|css|svg|png|ico|woff2)$/;

/** Installs the sending of files and describes a route for each one in the folder; `index.html` is the root. */
export async function pageOperations(app: FastifyInstance, folder: URL): Promise<readonly Operation[]> {
  await app.register(fastifyStatic, { root: fileURLToPath(folder), serve: false, cacheControl: false });
  const files = readdirSync(folder).filter((file) => servedEndings.test(file));
  return files.map((file) =>
    defineOperation({
      method: 'GET',
      path: file === 'index.html' ? '/' : `/${file}`,
      operationId: `page ${file}`,
      summary: 'A file of the web page.',
      tag: 'server',
      access: 'public',
      success: { status: 200, description: 'The file.' },
      async handle({ reply }) {
        asPage(reply).sendFile(file);
        return answered;
      },
    }),
  );
}
