/** Refusals that must look the same whatever their reason. */

import { AppError } from '../errors.ts';

/**
 * The one answer to a credential that does not work. Unknown, malformed, expired, revoked, of a suspended user or a
 * deleted tenant: the caller learns nothing of it; the reason is for the log.
 */
export function authenticationRequired(reason: string): AppError {
  return new AppError('authentication_required', { cause: new Error(reason) });
}

/** The one answer to a login that does not work. */
export function loginFailed(reason: string): AppError {
  return new AppError('login_failed', { cause: new Error(reason) });
}

/** The one answer to an id that is absent, of another tenant, or not the caller's to touch. */
export function notFound(): AppError {
  return new AppError('resource_not_found');
}

/** A field of the body that does not do. */
export function invalidField(pointer: string, message: string): AppError {
  return new AppError('request_invalid', { errors: [{ location: 'body', pointer, message }] });
}
