/** The vocabulary of the wire: snake_case JSON, times as RFC 3339 in UTC, money as decimal strings. */

import { z } from 'zod';
import { roleNamePattern } from '../../access/index.ts';
import { builtInRoles, classifications, tenantTiers } from '../../context.ts';
import { dollarsFromNano } from '../../ledger/index.ts';

/** Sensitivity of content. */
export const classification = z.enum(classifications).meta({
  id: 'Classification',
  description: 'Sensitivity, lowest first; a clearance is the highest that a user may see.',
});

/** Service level of a tenant. */
export const tenantTier = z.enum(tenantTiers).meta({ id: 'TenantTier', description: 'Service level of a tenant.' });

/** A time that is sent: made from a `Date`. */
export const time = z
  .date()
  .transform((date) => date.toISOString())
  .meta({ type: 'string', format: 'date-time' });

/** Money that is sent: made from integer nano-dollars. */
export const money = z
  .bigint()
  .transform((nano) => ({ nano_usd: nano.toString(), usd: dollarsFromNano(nano) }))
  .pipe(
    z.object({
      nano_usd: z.string().describe('Billionths of a US dollar, an integer.'),
      usd: z.string().describe('US dollars, a decimal number of up to nine places.'),
    }),
  )
  .meta({ id: 'Money', description: 'An exact amount of money, twice.' });

/** A field of a kind of thing: `document.id`, `user.email`. The kinds are whatever the schemas speak of. */
export type Reference = `${string}.${string}`;

/**
 * Says what a value names, in what comes in and in what goes out; several when it may be any of them. The description of
 * the API publishes it as `x-names`, and `genai isolation verify` uses it to put own and foreign things into every place.
 */
export function names<S extends z.ZodType>(schema: S, ...references: readonly Reference[]): S {
  return schema.meta({ 'x-names': references });
}

/** Name of a role. */
export const roleName = names(
  z
    .string()
    .regex(roleNamePattern, 'must be 2 to 63 lower-case letters, digits and hyphens, a letter first')
    .meta({ id: 'RoleName', description: `${builtInRoles.join(', ')}, or a role of the tenant's own.` }),
  'role.name',
);

/** The id of a thing, as `names` says it. */
export function idOf(kind: string) {
  return names(z.string().max(100), `${kind}.id`);
}

/** A secret that belongs to a thing: a password, a token. It is told to nobody else, and never tried by others. */
export function secretOf(schema: z.ZodString, reference: Reference): z.ZodString {
  return names(schema, reference).meta({ format: 'password' });
}

/** The id of a thing in a path. */
export function idParams(kind: string) {
  return z.object({ id: names(z.string().regex(/^[a-z]{3}_[0-9a-f]{32}$/), `${kind}.id`) });
}

/** Text that people typed: well-formed Unicode without control characters other than line breaks and tabs. */
export function plainText(lengthMin: number, lengthMax: number) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is kept out
  return typed(lengthMin, lengthMax).regex(/^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/, controlCharacters);
}

/** A name: one line of such text that is not all space. */
export function plainLine(lengthMin: number, lengthMax: number) {
  return (
    typed(lengthMin, lengthMax)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is kept out
      .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, controlCharacters)
      .regex(/\S/, 'must not be all space')
  );
}

const controlCharacters = 'must have no control characters';

function typed(lengthMin: number, lengthMax: number) {
  return z
    .string()
    .min(lengthMin, `must have at least ${lengthMin} character${lengthMin === 1 ? '' : 's'}`)
    .max(lengthMax, `must have at most ${lengthMax} characters`)
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');
}

/** Which page of a list. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Most items in the answer.'),
  cursor: names(z.string().max(512), 'page.cursor').optional().describe('`next_cursor` of the page before.'),
});

/** The page that a query asks for. */
export function pageFrom({ limit, cursor }: z.output<typeof pageQuery>) {
  return { limit, cursor };
}

/** A page of a list. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z
    .object({
      data: z.array(item),
      next_cursor: names(z.string(), 'page.cursor').nullable().describe('Asks for the next page; null on the last.'),
    })
    .meta({ id });
}
