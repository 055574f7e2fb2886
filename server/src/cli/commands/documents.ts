/** `genai documents` and `genai collections`: what is there to be asked about. */

import type { Command } from 'commander';
import type { Classification } from '../../context.ts';
import type { ConnectionOptions } from '../connection.ts';
import { classificationOption, withLimit, withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** The part of a document that is shown. */
interface DocumentRow {
  readonly id: string;
  readonly title: string;
  readonly classification: string;
  readonly status: string;
  readonly progress: number;
  readonly size_bytes: number;
  readonly updated_at: string;
}

interface ListOptions extends ConnectionOptions {
  readonly limit: number;
  readonly collection?: string;
  readonly status?: string;
  readonly classification?: Classification;
}

/** The part of a collection that is shown. */
interface Collection {
  readonly id: string;
  readonly name: string;
  readonly default_classification: string;
  readonly grants: readonly { readonly kind: string; readonly id: string | null }[] | null;
}

/** Adds `documents list` and `delete`. */
export function addDocuments(program: Command, { output, tenantApi }: Shell): void {
  const documents = program.command('documents').description('documents of your tenant');

  withLimit(withTenantServer(documents.command('list').description('list documents, newest first')))
    .option('--collection <name>', 'only those of a collection, by name or id')
    .option('--status <status>', 'only those in a status, for example indexed or failed')
    .addOption(classificationOption())
    .action(async ({ limit, collection, status, classification, ...options }: ListOptions) => {
      const api = tenantApi(options, 'analyst');
      const page = await api.list<DocumentRow>('/api/documents', limit, { collection, status, classification });
      output.page(page, () => documentTable(page.data));
    });

  withTenantServer(documents.command('delete').description('delete documents with their text and passages'))
    .argument('<id...>', 'ids of documents')
    .action(async (ids: readonly string[], options: ConnectionOptions) => {
      const api = tenantApi(options, 'analyst');
      for (const id of ids) {
        await api.request('DELETE', `/api/documents/${encodeURIComponent(id)}`);
        output.note(`deleted ${id}`);
      }
      output.result({ deleted: ids }, () => '');
    });
}

/** Adds `collections list` and `create`. */
export function addCollections(program: Command, { output, tenantApi }: Shell): void {
  const collections = program.command('collections').description('groups of documents that share who may read them');

  withTenantServer(collections.command('list').description('list the collections that you may read')).action(
    async (options: ConnectionOptions) => {
      const list = await tenantApi(options, 'analyst').request<{ data: Collection[] }>('GET', '/api/collections');
      output.result(list, () => collectionTable(list.data));
    },
  );

  withTenantServer(collections.command('create').description('make a collection that you alone may read'))
    .argument('<name>', 'name, unique in the tenant')
    .addOption(classificationOption())
    .option('--everyone', 'let everyone of the tenant read it')
    .action(
      async (
        name: string,
        {
          classification,
          everyone,
          ...options
        }: ConnectionOptions & { classification?: Classification; everyone?: true },
      ) => {
        const grants = everyone === true ? [{ kind: 'everyone' }] : undefined;
        const body = { name, default_classification: classification, grants };
        const made = await tenantApi(options, 'analyst').request<Collection>('POST', '/api/collections', { body });
        output.result(made, () => collectionTable([made]));
      },
    );
}

function documentTable(rows: readonly DocumentRow[]): string {
  const cells = rows.map(({ id, title, classification, status, progress, size_bytes, updated_at }) => [
    ...[id, title, classification, status === 'indexed' || status === 'failed' ? status : `${status} ${progress} %`],
    ...[size_bytes, updated_at.slice(0, 16)],
  ]);
  return tableText(['ID', 'TITLE', 'CLASSIFICATION', 'STATUS', 'BYTES', 'UPDATED'], cells);
}

function collectionTable(rows: readonly Collection[]): string {
  const cells = rows.map(({ id, name, default_classification, grants }) => [
    ...[id, name, default_classification],
    grants?.map((grant) => (grant.id === null ? grant.kind : `${grant.kind}:${grant.id}`)).join(', ') ?? null,
  ]);
  return tableText(['ID', 'NAME', 'CLASSIFICATION', 'READERS'], cells);
}
