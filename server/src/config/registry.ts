/** All settings, by category. A category is one file; adding a setting there is all it takes. */

import { client } from './categories/client.ts';
import { database } from './categories/database.ts';
import { documents } from './categories/documents.ts';
import { egress } from './categories/egress.ts';
import { embeddings } from './categories/embeddings.ts';
import { encryption } from './categories/encryption.ts';
import { limits } from './categories/limits.ts';
import { llm } from './categories/llm.ts';
import { observability } from './categories/observability.ts';
import { query } from './categories/query.ts';
import { redis } from './categories/redis.ts';
import { scheduler } from './categories/scheduler.ts';
import { search } from './categories/search.ts';
import { security } from './categories/security.ts';
import { server } from './categories/server.ts';
import type { Setting, Values } from './setting.ts';

export const registry = {
  server,
  security,
  encryption,
  database,
  redis,
  search,
  documents,
  embeddings,
  llm,
  query,
  egress,
  scheduler,
  limits,
  observability,
  client,
} as const;

export type Registry = typeof registry;
export type CategoryName = keyof Registry;

/** The effective configuration: every value parsed, checked and frozen. */
export type Config = { readonly [K in CategoryName]: Values<Registry[K]> };

/** Every setting with its category and key, in the order of the registry. */
export function allSettings(): readonly { category: CategoryName; key: string; setting: Setting<unknown> }[] {
  return (Object.keys(registry) as CategoryName[]).flatMap((category) =>
    Object.entries(registry[category]).map(([key, setting]) => ({
      category,
      key,
      setting: setting as Setting<unknown>,
    })),
  );
}
