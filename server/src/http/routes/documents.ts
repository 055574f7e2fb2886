/** Documents. What the caller may not see is answered like what does not exist. */

import { z } from 'zod';
import { documentStatuses } from '../../documents/index.ts';
import { uploadedFile } from '../form.ts';
import { answered, defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import {
  classification,
  idOf,
  idParams,
  names,
  pageFrom,
  pageOf,
  pageQuery,
  plainLine,
  time,
} from '../schemas/wire.ts';

const document = z
  .object({
    id: idOf('document'),
    title: z.string(),
    filename: z.string(),
    collection_id: idOf('collection'),
    classification,
    format: z.string(),
    media_type: z.string(),
    size_bytes: z.int(),
    version: z.int(),
    status: z.enum(documentStatuses).describe('`indexed` and `failed` are final.'),
    progress: z.int().describe('Share of the ingestion that is done, 0 to 100.'),
    attempts: z.int(),
    error: z
      .object({ code: z.string(), detail: z.string() })
      .nullable()
      .describe('Why ingestion failed, or why it is tried again.'),
    page_count: z.int().nullable(),
    chunk_count: z.int().nullable(),
    created_by: z.string(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Document' });

const documentText = z
  .object({
    text: z.string(),
    pages: z
      .array(z.object({ number: z.int(), start: z.int(), end: z.int() }))
      .describe('Where each page stands in the text, in Unicode code points; empty when the format has no pages.'),
  })
  .meta({ id: 'DocumentText' });

const collection = names(plainLine(1, 100), 'collection.id', 'collection.name').describe('Id or name of a collection.');

export const documentOperations = [
  defineOperation({
    method: 'POST',
    path: '/api/documents',
    operationId: 'uploadDocument',
    summary: 'Upload a document.',
    description: 'Answers at once; the document can be asked about when its status is `indexed`.',
    tag: 'documents',
    access: { permission: 'documents:write' },
    bodyMediaType: 'multipart/form-data',
    body: z
      .strictObject({
        file: uploadedFile,
        title: plainLine(1, 500).exactOptional().describe('The file name without its ending when left out.'),
        collection: collection.exactOptional().describe('Id or name; `general` when left out.'),
        classification: classification.exactOptional(),
      })
      .meta({ id: 'DocumentUpload' }),
    success: { status: 202, description: 'The document is safe and will be ingested.', schema: document },
    errors: ['document_empty', 'classification_denied'],
    async handle({ services, ctx, body: { file, ...labels }, reply }) {
      const uploaded = await services.documents.upload(ctx, { ...file, ...labels });
      reply.header('location', `/api/documents/${uploaded.id}`);
      return snakeCased(uploaded);
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/documents',
    operationId: 'listDocuments',
    summary: 'List the documents that you may read.',
    tag: 'documents',
    access: { permission: 'documents:read' },
    query: pageQuery.extend({
      collection: collection.exactOptional(),
      status: z.enum(documentStatuses).exactOptional(),
      classification: classification.exactOptional(),
    }),
    success: {
      status: 200,
      description: 'A page of documents, newest first.',
      schema: pageOf(document, 'DocumentPage'),
    },
    async handle({ services, ctx, query: { limit, cursor, ...filter } }) {
      return snakeCased(await services.documents.list(ctx, { ...pageFrom({ limit, cursor }), ...filter }));
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/documents/{id}',
    operationId: 'getDocument',
    summary: 'Read what is known about a document.',
    tag: 'documents',
    access: { permission: 'documents:read' },
    params: idParams('document'),
    success: { status: 200, description: 'The document.', schema: document },
    handle: async ({ services, ctx, params }) => snakeCased(await services.documents.get(ctx, params.id)),
  }),

  defineOperation({
    method: 'GET',
    path: '/api/documents/{id}/text',
    operationId: 'getDocumentText',
    summary: 'Read the text of a document.',
    description: 'Offsets of citations count the Unicode code points of this text.',
    tag: 'documents',
    access: { permission: 'documents:read' },
    params: idParams('document'),
    success: { status: 200, description: 'The text.', schema: documentText },
    errors: ['state_conflict'],
    async handle({ services, ctx, params }) {
      const { text, pages } = await services.documents.text(ctx, params.id);
      return { text, pages: pages.map((page) => ({ ...page })) };
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/documents/{id}/content',
    operationId: 'downloadDocument',
    summary: 'Download a document as it was uploaded.',
    tag: 'documents',
    access: { permission: 'documents:read' },
    params: idParams('document'),
    success: {
      status: 200,
      description: 'The bytes, always as an attachment.',
      mediaTypes: ['application/octet-stream'],
    },
    async handle({ services, ctx, params, reply }) {
      const { bytes, filename } = await services.documents.content(ctx, params.id);
      // Never the type that was claimed: a browser must not take an upload for a page of ours.
      reply
        .type('application/octet-stream')
        .header('content-disposition', `attachment; filename*=UTF-8''${headerValue(filename)}`)
        .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      return answered;
    },
  }),

  defineOperation({
    method: 'PATCH',
    path: '/api/documents/{id}',
    operationId: 'updateDocument',
    summary: 'Retitle, relabel or move a document.',
    description: 'A new classification or collection also needs documents:relabel; it holds for the next question.',
    tag: 'documents',
    access: { permission: 'documents:write' },
    params: idParams('document'),
    body: z
      .strictObject({
        title: plainLine(1, 500).exactOptional(),
        classification: classification.exactOptional(),
        collection: collection.exactOptional(),
      })
      .meta({ id: 'DocumentChange' }),
    success: { status: 200, description: 'The document as it is now.', schema: document },
    errors: ['classification_denied', 'state_conflict'],
    handle: async ({ services, ctx, params, body }) =>
      snakeCased(await services.documents.update(ctx, params.id, body)),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/documents/{id}',
    operationId: 'deleteDocument',
    summary: 'Delete a document with its text and passages.',
    tag: 'documents',
    access: { permission: 'documents:delete' },
    params: idParams('document'),
    success: { status: 204, description: 'The document is gone.' },
    handle: ({ services, ctx, params }) => services.documents.remove(ctx, params.id),
  }),
];

/** A text as RFC 8187 encodes it in a header: letters, digits and a few signs stay, of which these four are none. */
function headerValue(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
