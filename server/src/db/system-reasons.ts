/**
 * The complete list of steps that work across tenants.
 *
 * `asSystem` takes one of these names and nothing else; each use is counted, and a new entry is a reviewed decision.
 */
export const systemReasons = {
  'identity.authenticate': 'Finds the tenant and user of an API key or login before the tenant is known.',
  'identity.standing':
    'Looks whether the credentials of the requests under way still stand, in one statement for all tenants.',
  'operators.access':
    'Finds the tenant of a break-glass access that operators end, and accesses whose time is up, by id.',
  'identity.operators': 'Checks and makes the keys of platform operators.',
  'operators.record': 'Writes what operators did at the command line, such as a backup, into their own audit log.',
  'tenants.administer': 'Creates, lists, changes and suspends tenants, for operators.',
  'ledger.record':
    'Writes attempts before upstream calls and settles finished requests, many tenants in one transaction.',
  'audit.security':
    'Records and lists security events, which tenants must not read, and finds whose an id is that was named.',
  'ingest.recover': 'Finds documents whose ingestion was interrupted, by id only.',
  'search.placement': 'Counts the passages of each tenant, to give large ones an index of vectors of their own.',
  'jobs.queue': 'Runs the statements of the job queue, whose payloads are ids.',
} as const;

export type SystemReason = keyof typeof systemReasons;
