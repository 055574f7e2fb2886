/**
 * The one error type and the one table of error codes.
 *
 * Every expected failure is an `AppError` whose code stands in `errorCodes`; the HTTP edge derives status, headers and
 * body from this table, and `docs/reference/errors.md` is generated from it. A code that is not here does not compile.
 * Broken invariants are not AppErrors: they throw plain errors, become `internal_error`, and are logged as such.
 */

/** What a code means to a client, independent of any single occurrence. */
export interface ErrorDefinition {
  /** HTTP status of the answer. */
  readonly status: number;
  /** One short sentence, the same for every occurrence. */
  readonly title: string;
  /** What the caller can do about it; shown in the generated reference. */
  readonly fix: string;
  /** True when the same request may succeed later without being changed. */
  readonly retryable: boolean;
}

/** All error codes, `noun_state`, grouped by who has to act. */
export const errorCodes = {
  // The request itself is wrong.
  request_invalid: {
    status: 400,
    title: 'The request is not valid.',
    fix: 'Correct the fields named in `errors` and send the request again.',
    retryable: false,
  },
  body_malformed: {
    status: 400,
    title: 'The request body could not be read.',
    fix: 'Send well-formed UTF-8 JSON (or multipart form data where documented) with a matching Content-Type.',
    retryable: false,
  },
  body_too_large: {
    status: 413,
    title: 'The request body is larger than allowed.',
    fix: 'Send less, or have the operator raise the limit named in `detail`.',
    retryable: false,
  },
  request_malformed: {
    status: 400,
    title: 'The request is not well-formed HTTP.',
    fix: 'Correct the request line, path or headers; ordinary HTTP clients do not produce this.',
    retryable: false,
  },
  headers_too_large: {
    status: 431,
    title: 'The request headers are larger than allowed.',
    fix: 'Send fewer or shorter headers, or have the operator raise HEADER_BYTES_MAX.',
    retryable: false,
  },
  request_incomplete: {
    status: 408,
    title: 'The request did not arrive in time.',
    fix: 'Send the whole request without pausing, or have the operator raise REQUEST_TIMEOUT_MS.',
    retryable: true,
  },
  media_type_unsupported: {
    status: 415,
    title: 'The content type is not supported here.',
    fix: 'Use one of the content types named in `detail`.',
    retryable: false,
  },
  filter_invalid: {
    status: 400,
    title: 'The filter is not valid.',
    fix: 'Write the filter as RFC 7644 section 3.4.2.2 says, over the attributes named in the guide on SCIM.',
    retryable: false,
  },
  path_invalid: {
    status: 400,
    title: 'The path of an operation is not valid.',
    fix: 'Name an attribute that /scim/v2/Schemas lists, as RFC 7644 section 3.5.2 says.',
    retryable: false,
  },
  target_missing: {
    status: 400,
    title: 'The path of an operation selects nothing.',
    fix: 'Read the resource again, and name a value that it has.',
    retryable: false,
  },
  attribute_read_only: {
    status: 400,
    title: 'The attribute is not written by clients.',
    fix: 'Leave out the attribute named in `detail`.',
    retryable: false,
  },
  document_unreadable: {
    status: 422,
    title: 'The document could not be read.',
    fix: 'Open the file in its own program, save it again, and upload that copy.',
    retryable: false,
  },
  document_empty: {
    status: 422,
    title: 'The document holds no text.',
    fix: 'Upload a document with selectable text.',
    retryable: false,
  },
  document_too_complex: {
    status: 422,
    title: 'The document exceeds a parsing limit.',
    fix: 'Split the document, or have the operator raise the limit named in `detail`.',
    retryable: false,
  },
  context_length_exceeded: {
    status: 400,
    title: 'The prompt does not fit the context of the model.',
    fix: 'Shorten the messages or choose a model with a larger context.',
    retryable: false,
  },

  egress_denied: {
    status: 400,
    title: 'This server does not call that address.',
    fix: 'Use an address that satisfies the rule named in `detail`, or have the operator allow it with the EGRESS settings.',
    retryable: false,
  },

  input_blocked: {
    status: 400,
    title: 'The input was blocked by the guard.',
    fix: 'Remove what `detail` names and send the request again.',
    retryable: false,
  },

  // The caller may not.
  authentication_required: {
    status: 401,
    title: 'A valid credential is required.',
    fix: 'Send `Authorization: Bearer` with an access token or an API key that is active and not expired.',
    retryable: false,
  },
  login_failed: {
    status: 401,
    title: 'Login failed.',
    fix: 'Check tenant, e-mail address, password and, where one is asked for, the code.',
    retryable: false,
  },
  second_factor_required: {
    status: 401,
    title: 'A code of your second factor is required.',
    fix: 'Send the same login again with `code`: the six digits that your device shows, or a recovery code.',
    retryable: false,
  },
  permission_denied: {
    status: 403,
    title: 'Your role or key does not permit this.',
    fix: 'Ask an admin of your tenant for the permission named in `detail`.',
    retryable: false,
  },
  classification_denied: {
    status: 403,
    title: 'The classification is above your clearance.',
    fix: 'Use a lower classification, or ask an admin of your tenant for a higher clearance.',
    retryable: false,
  },
  cross_tenant_access: {
    status: 403,
    title: 'The request names another tenant.',
    fix: 'Use a credential of the tenant that the request names; the attempt was recorded.',
    retryable: false,
  },

  // It is not there, or not in a state for it.
  resource_not_found: {
    status: 404,
    title: 'There is no such resource.',
    fix: 'Check the id; it may have been deleted.',
    retryable: false,
  },
  route_not_found: {
    status: 404,
    title: 'There is no such operation.',
    fix: 'See /openapi.json for the operations of this server.',
    retryable: false,
  },
  model_not_found: {
    status: 404,
    title: 'There is no such model, or it is not available to you.',
    fix: 'List the available models with GET /v1/models.',
    retryable: false,
  },
  method_not_allowed: {
    status: 405,
    title: 'The resource does not support this method.',
    fix: 'See /openapi.json for the operations of this server.',
    retryable: false,
  },
  state_conflict: {
    status: 409,
    title: 'The resource is not in a state that allows this.',
    fix: 'Read the resource again and decide anew.',
    retryable: false,
  },
  value_taken: {
    status: 409,
    title: 'Another resource of the tenant has this value already.',
    fix: 'Find the other resource and change that, or choose another value.',
    retryable: false,
  },
  version_mismatch: {
    status: 412,
    title: 'The resource was changed meanwhile.',
    fix: 'Read the resource again and decide anew.',
    retryable: false,
  },

  // Not now.
  rate_limit_exceeded: {
    status: 429,
    title: 'Too many requests.',
    fix: 'Wait as long as Retry-After says.',
    retryable: true,
  },
  insufficient_quota: {
    status: 429,
    title: 'The budget is exhausted.',
    fix: 'Wait for the next budget period or have an admin raise the budget.',
    retryable: false,
  },
  request_timeout: {
    status: 504,
    title: 'The request did not finish within its time limit.',
    fix: 'Ask for less at once, or raise QUERY_TIMEOUT_MS.',
    retryable: true,
  },
  request_cancelled: {
    status: 499,
    title: 'The client closed the request.',
    fix: 'Nothing to do; what was produced until then is charged.',
    retryable: false,
  },
  upstream_unavailable: {
    status: 502,
    title: 'The model endpoint did not answer.',
    fix: 'Try again later; operators find the cause under /health/detailed.',
    retryable: true,
  },
  upstream_rejected: {
    status: 502,
    title: 'The model endpoint rejected the request.',
    fix: 'See `detail`; if the endpoint refused its credential, an operator must renew it.',
    retryable: false,
  },
  upstream_rate_limited: {
    status: 429,
    title: 'The model endpoint is limiting requests.',
    fix: 'Wait as long as Retry-After says.',
    retryable: true,
  },
  egress_unavailable: {
    status: 502,
    title: 'The other server did not answer.',
    fix: 'Check the address and whether its server is up, then try again.',
    retryable: true,
  },
  egress_rejected: {
    status: 502,
    title: 'The answer of the other server was not accepted.',
    fix: 'See `detail`; the other server must answer otherwise, or be another.',
    retryable: false,
  },
  server_draining: {
    status: 503,
    title: 'The server is shutting down.',
    fix: 'Send the request again; another server will take it.',
    retryable: true,
  },
  dependency_unavailable: {
    status: 503,
    title: 'A part that this request needs is not available.',
    fix: 'Try again later; operators find the cause under /health/detailed.',
    retryable: true,
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong on our side.',
    fix: 'Report the request id to the operator.',
    retryable: false,
  },
} as const satisfies Record<string, ErrorDefinition>;

/** A code of the table. */
export type ErrorCode = keyof typeof errorCodes;

/** One field that was wrong; `pointer` is an RFC 6901 JSON pointer into the part of the request named by `location`. */
export interface FieldError {
  readonly location: 'body' | 'query' | 'path' | 'header';
  readonly pointer: string;
  readonly message: string;
}

/** What an occurrence adds to its code. */
export interface AppErrorOptions {
  /** What happened in this occurrence, for the client; must hold no secret and nothing of another tenant. */
  readonly detail?: string;
  /** The fields that were wrong. */
  readonly errors?: readonly FieldError[];
  /** How long the client should wait before it tries again. */
  readonly retryAfterMs?: number;
  /** For the log only, never for the client. */
  readonly cause?: unknown;
}

/** An expected failure with a code that clients can rely on. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.detail ?? errorCodes[code].title, { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.errors = options.errors;
    this.retryAfterMs = options.retryAfterMs;
  }

  get definition(): ErrorDefinition {
    return errorCodes[this.code];
  }
}

/**
 * What keeps the program from starting, or a command from running, and an operator can mend. The message says what is
 * wrong and how to mend it, so it is shown without a stack.
 */
export class SetupError extends Error {
  override readonly name: string = 'SetupError';
}

/** Whether a caught value is an `AppError`, optionally of one code. */
export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The failure that an aborted signal stands for: its own reason if that has a code, a time-out, or the departure of the client. */
export function errorFromAbort(signal: AbortSignal): AppError {
  const reason: unknown = signal.reason;
  if (isAppError(reason)) return reason;
  const isTimeout = reason instanceof Error && reason.name === 'TimeoutError';
  return new AppError(isTimeout ? 'request_timeout' : 'request_cancelled', { cause: reason });
}
