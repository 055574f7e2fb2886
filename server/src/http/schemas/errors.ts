/** Error bodies: RFC 9457 problem details on /api, the OpenAI error object on /v1, RFC 7644's on /scim. */

import { z } from 'zod';
import { type ErrorCode, errorCodes } from '../../errors.ts';

const code = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]).meta({ id: 'ErrorCode' });

/** Body of an error everywhere but on /v1 and /scim. */
export const problem = z
  .object({
    type: z.string().describe('Where the code is explained.'),
    title: z.string().describe('The same for every occurrence of the code.'),
    status: z.int(),
    code,
    detail: z.string().exactOptional().describe('What happened this time.'),
    fix: z.string().describe('What to do about it.'),
    instance: z.string().exactOptional().describe('The path that was asked for.'),
    request_id: z.string().describe('To be named in reports to the operator.'),
    errors: z
      .array(
        z.object({
          location: z.enum(['body', 'query', 'path', 'header']),
          pointer: z.string().describe('RFC 6901.'),
          message: z.string(),
        }),
      )
      .exactOptional()
      .describe('The fields that were wrong.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' });
export type Problem = z.infer<typeof problem>;

/** Body of an error on /v1. */
export const openAiError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable().describe('The field that was wrong, such as `messages[0].role`.'),
      code,
    }),
  })
  .meta({ id: 'OpenAiError' });
export type OpenAiError = z.infer<typeof openAiError>;

/** Names the form of an error of SCIM. */
export const scimErrorSchema = 'urn:ietf:params:scim:api:messages:2.0:Error';

/** What can be wrong with a request, in the words of RFC 7644. */
export const scimTypes = [
  'invalidFilter',
  'uniqueness',
  'mutability',
  'invalidSyntax',
  'invalidPath',
  'noTarget',
  'invalidValue',
] as const;

/** Body of an error on /scim. */
export const scimError = z
  .object({
    schemas: z.array(z.literal(scimErrorSchema)),
    status: z.string().describe('The status of the answer.'),
    scimType: z.enum(scimTypes).exactOptional(),
    detail: z.string(),
  })
  .meta({ id: 'ScimError', description: 'RFC 7644 section 3.12.' });
export type ScimError = z.infer<typeof scimError>;
