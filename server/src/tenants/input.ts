/** What a tenant may be called and set to; field by field, so that nothing else can come along. */

import { type TenantTier, tenantTiers } from '../context.ts';
import { AppError } from '../errors.ts';
import { type TenantStatus, tenantStatuses } from './tables.ts';

/** What makes a tenant. The slug names it at login and can't be changed. */
export interface NewTenant {
  readonly slug: string;
  readonly name: string;
  readonly tier: TenantTier;
  /** Where its data lives; `local` when left out. */
  readonly region?: string;
}

/** What may change of a tenant; what is left out stays. */
export interface TenantChange {
  readonly name?: string;
  readonly tier?: TenantTier;
  readonly status?: TenantStatus;
}

const regionDefault = 'local';

/** Whether a text has the form of a slug; the table checks the same. */
export function isSlug(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{1,62}$/.test(text);
}

/** The fields of a new tenant. @throws {AppError} request_invalid naming the field. */
export function checkedNewTenant(input: NewTenant): Required<NewTenant> {
  const region = input.region ?? regionDefault;
  if (!isSlug(input.slug))
    throw invalid('/slug', 'Use 2 to 63 lower-case letters, digits and hyphens; no hyphen first.');
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(region))
    throw invalid('/region', 'Use 1 to 63 lower-case letters, digits and hyphens.');
  return { slug: input.slug, name: checkedName(input.name), tier: checkedTier(input.tier), region };
}

/** The fields to change; at least one. @throws {AppError} request_invalid naming the field. */
export function checkedTenantChange(input: TenantChange): TenantChange {
  const { name, tier, status } = input;
  if (status !== undefined && !tenantStatuses.includes(status))
    throw invalid('/status', `Use one of ${tenantStatuses.join(', ')}.`);
  const change = {
    ...(name === undefined ? {} : { name: checkedName(name) }),
    ...(tier === undefined ? {} : { tier: checkedTier(tier) }),
    ...(status === undefined ? {} : { status }),
  };
  if (Object.keys(change).length === 0) throw invalid('', 'Name at least one of name, tier and status.');
  return change;
}

function checkedName(name: string): string {
  const trimmed = name.trim();
  if (!/^\P{Cc}{1,200}$/u.test(trimmed))
    throw invalid('/name', 'Use 1 to 200 characters, none of them a control character.');
  return trimmed;
}

function checkedTier(tier: TenantTier): TenantTier {
  if (!tenantTiers.includes(tier)) throw invalid('/tier', `Use one of ${tenantTiers.join(', ')}.`);
  return tier;
}

function invalid(pointer: string, message: string): AppError {
  return new AppError('request_invalid', { errors: [{ location: 'body', pointer, message }] });
}
