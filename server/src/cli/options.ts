/** Options and arguments that several commands share. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { builtInRoles, classifications, tenantTiers } from '../context.ts';

/** Adds the options of commands that talk to a server as somebody of a tenant. */
export function withTenantServer(command: Command): Command {
  return withServer(command).option('--as <email>', 'user of the demo to act as, on the demo server');
}

/** Adds the options of commands that talk to a server. */
export function withServer(command: Command): Command {
  return command.option('--url <address>', 'server to talk to (GENAI_URL)');
}

/** Adds --limit to a command that lists. */
export function withLimit(command: Command): Command {
  return command.option('--limit <n>', 'most items to list', count(1, 10_000), 100);
}

/** --classification. */
export const classificationOption = () =>
  new Option('--classification <label>', 'sensitivity of the content').choices(classifications);
/** --tier. */
export const tierOption = () => new Option('--tier <tier>', 'service level').choices(tenantTiers);
/** --role. */
export const roleOption = () =>
  new Option('--role <role>', `role within the tenant: ${builtInRoles.join(', ')}, or one of its own`);
/** --clearance. */
export const clearanceOption = () =>
  new Option('--clearance <label>', 'highest classification that the user may see').choices(classifications);

/** Reads a whole number within bounds. */
export function count(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** Collects the values of an option that may be given several times. */
export function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
