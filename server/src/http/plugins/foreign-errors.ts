/** Translates what Fastify, its multipart parser and Node's HTTP parser throw into the codes of our table, once. */

import type { Config } from '../../config/index.ts';
import { AppError, isAppError } from '../../errors.ts';

/** The limits that errors name. */
export type NamedLimits = Pick<Config['server'], 'bodyBytesMax' | 'headerBytesMax' | 'requestTimeoutMs'>;

const translations: Readonly<Record<string, (limits: NamedLimits) => AppError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ({ bodyBytesMax }) =>
    new AppError('body_too_large', { detail: `The body has more than ${bodyBytesMax} bytes (BODY_BYTES_MAX).` }),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new AppError('body_malformed', { detail: 'The body is empty; JSON is expected.' }),
  FST_ERR_CTP_INVALID_JSON_BODY: () =>
    new AppError('body_malformed', {
      detail: 'The body is not well-formed JSON, or uses `__proto__` or `constructor` as a key.',
    }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new AppError('body_malformed', { detail: 'The length of the body differs from its Content-Length.' }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new AppError('media_type_unsupported', {
      detail: 'Send application/json, or multipart/form-data where documented.',
    }),
  FST_ERR_BAD_URL: () => new AppError('request_malformed', { detail: 'The path is not correctly percent-encoded.' }),
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError('route_not_found'),
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: () => new AppError('media_type_unsupported', { detail: 'Send a Content-Type.' }),
  // Multipart.
  FST_MP_PREMATURE_CLOSE: () => new AppError('body_malformed', { detail: 'The form ended before it was complete.' }),
  FST_INVALID_MULTIPART_CONTENT_TYPE: () =>
    new AppError('media_type_unsupported', { detail: 'Send multipart/form-data.' }),
  FST_PARTS_LIMIT: () => new AppError('request_invalid', { detail: 'The form has too many parts.' }),
  FST_FILES_LIMIT: () => new AppError('request_invalid', { detail: 'The form has more than one file.' }),
  FST_FIELDS_LIMIT: () => new AppError('request_invalid', { detail: 'The form has too many fields.' }),
  FST_PROTO_VIOLATION: () =>
    new AppError('request_invalid', { detail: 'The form has a field whose name is not allowed.' }),
  FST_INVALID_JSON_FIELD_ERROR: () =>
    new AppError('body_malformed', { detail: 'A field of the form is not well-formed JSON.' }),
  // Node's parser.
  HPE_HEADER_OVERFLOW: ({ headerBytesMax }) =>
    new AppError('headers_too_large', {
      detail: `The headers have more than ${headerBytesMax} bytes (HEADER_BYTES_MAX).`,
    }),
  ERR_HTTP_REQUEST_TIMEOUT: ({ requestTimeoutMs }) =>
    new AppError('request_incomplete', {
      detail: `The request took more than ${requestTimeoutMs} ms to arrive (REQUEST_TIMEOUT_MS).`,
    }),
};

/** The error of our table for anything thrown; what is not known becomes internal_error, with its cause for the log. */
export function translateError(thrown: unknown, limits: NamedLimits): AppError {
  if (isAppError(thrown)) return thrown;
  const { code, statusCode } = errorFields(thrown);
  const translation = code === undefined || !Object.hasOwn(translations, code) ? undefined : translations[code];
  if (translation !== undefined) return translation(limits);
  // The request stream failed while its body was read.
  if (statusCode === 400) return new AppError('body_malformed', { cause: thrown });
  return new AppError('internal_error', { cause: thrown });
}

/** The error of our table for bytes that are not HTTP. */
export function translateConnectionError(error: Error, limits: NamedLimits): AppError {
  const { code } = errorFields(error);
  const isKnown = code !== undefined && Object.hasOwn(translations, code);
  return isKnown ? translateError(error, limits) : new AppError('request_malformed');
}

function errorFields(thrown: unknown): { code?: string; statusCode?: number } {
  if (!(thrown instanceof Error)) return {};
  const { code, statusCode } = thrown as { code?: unknown; statusCode?: unknown };
  return {
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof statusCode === 'number' ? { statusCode } : {}),
  };
}
