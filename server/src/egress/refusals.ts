/**
 * Why a call to another server is refused or failed.
 *
 * A refusal names its rule, so that whoever wrote the address can mend it, and says nothing that could not be known
 * without us: not what a name resolved to, and not what, if anything, answers there.
 */

import { AppError, type ErrorCode, isAppError } from '../errors.ts';

/** What each rule of the policy demands; the sentence completes "The rule `x` refuses it: …". */
const rules = {
  url: 'it must be an absolute URL of at most 2,048 characters, without spaces, control characters and backslashes',
  scheme: 'only https is allowed, and http where the operator has set EGRESS_HTTP_ALLOWED',
  userinfo: 'it must not hold a user name or password',
  port: 'only ports 443, 80 for http, and those of EGRESS_PORTS are allowed',
  host: 'the host must be a full public name without trailing dot, or an address',
  address: 'the host is not on the public internet, nor in EGRESS_ALLOWED_NETWORKS, or is in EGRESS_DENIED_NETWORKS',
  address_metadata: 'the host is a metadata service of a cloud, which is never called',
  addresses: 'the host name has more addresses than any ordinary one',
  method: 'the method is not allowed',
  header: 'a header that belongs to the connection cannot be set',
  redirect_count: 'it redirects too often',
  redirect_location: 'it redirects to nowhere, or to several places at once',
  redirect_downgrade: 'it redirects from https to http',
  redirect_body: 'it redirects a request with a body to another origin',
  redirect: 'it redirects, and redirects are not followed here',
  answer_headers: 'the headers of its answer are larger than allowed',
  answer_bytes: 'its answer is larger than allowed',
  answer_ratio: 'its answer expands like no honest content does',
  answer_encoding: 'its answer is compressed in a way that was not asked for',
} as const;

/** A rule of the policy. */
export type EgressRule = keyof typeof rules;

/** A call that the policy refuses. */
export class EgressRefusal extends AppError {
  readonly rule: EgressRule;

  /** @param why what exactly was refused; for the log only. */
  constructor(rule: EgressRule, why?: string) {
    const code: ErrorCode =
      rule.startsWith('answer') || rule.startsWith('redirect') ? 'egress_rejected' : 'egress_denied';
    super(code, { detail: `The rule \`${rule}\` refuses it: ${rules[rule]}.`, cause: why });
    this.rule = rule;
  }
}

/** The error for a call that could not be finished; an AppError stays what it is. */
export function errorFromCall(error: unknown): AppError {
  if (isAppError(error)) return error;
  const code = (error as { code?: unknown } | null)?.code;
  switch (code) {
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return new EgressRefusal('answer_bytes');
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'HPE_HEADER_OVERFLOW':
      return new EgressRefusal('answer_headers');
    default:
      return new AppError('egress_unavailable', { detail: sentenceFor(code), cause: error });
  }
}

/** What is said of a failure; refused connections and silence sound the same, so that nobody can scan with us. */
function sentenceFor(code: unknown): string {
  if (typeof code !== 'string') return 'The connection to it broke.';
  if (/^(ENOTFOUND|ENODATA|ESERVFAIL|EREFUSED|ECANCELLED|ETIMEOUT|EBADRESP|EBADNAME|EAI_AGAIN)$/.test(code)) {
    return 'Its host name cannot be resolved.';
  }
  if (/^(UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/.test(code)) {
    return 'It cannot be reached.';
  }
  if (code === 'UND_ERR_BODY_TIMEOUT') return 'It fell silent in the middle of its answer.';
  if (/CERT|^ERR_TLS|^ERR_SSL|SIGNATURE|SELF_SIGNED/.test(code)) return 'Its TLS certificate cannot be trusted.';
  return 'The connection to it broke.';
}
