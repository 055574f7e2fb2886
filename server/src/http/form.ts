/**
 * Reads multipart forms: one file and a few short fields, in any order, into the body of the request.
 *
 * Reading stops at the first byte too many, so that a client cannot make us take in what we will refuse. The file is held
 * in memory: at most UPLOAD_BYTES_MAX for each upload that runs.
 */

import multipart, { type MultipartFile, type MultipartValue } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError, type FieldError } from '../errors.ts';
import { operationOf } from './request-state.ts';

/** A file that was uploaded. */
export interface UploadedFile {
  readonly filename: string;
  /** As the client claims it. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** The schema of the part that holds the file. */
export const uploadedFile = z
  .custom<UploadedFile>((value) => typeof value === 'object', 'is required')
  .meta({ type: 'string', contentMediaType: 'application/octet-stream' });

const fieldsMax = 20;
const fieldBytesMax = 4096;

/** Installs the parser and the hook that fills the body of operations that take a form. */
export async function installForms(app: FastifyInstance, uploadBytesMax: number): Promise<void> {
  await app.register(multipart, { limits: { files: 1, fields: fieldsMax, fieldSize: fieldBytesMax } });
  app.addHook('preValidation', async (request) => {
    const takesForm = operationOf(request)?.bodyMediaType === 'multipart/form-data';
    if (takesForm !== request.isMultipart() && (takesForm || operationOf(request)?.body !== undefined)) {
      throw new AppError('media_type_unsupported', {
        detail: `Send ${takesForm ? 'multipart/form-data' : 'application/json'}.`,
      });
    }
    if (takesForm) request.body = await readForm(request, uploadBytesMax);
  });
}

async function readForm(request: FastifyRequest, fileBytesMax: number): Promise<Record<string, unknown>> {
  // What is declared too large is refused unread; the rest of the form is small beside the file.
  const declaredBytes = Number(request.headers['content-length'] ?? 0);
  if (declaredBytes > fileBytesMax + fieldsMax * 2 * fieldBytesMax) throw tooLarge(fileBytesMax);
  const fields: Record<string, unknown> = {};
  try {
    for await (const part of request.parts({ limits: { fileSize: Number.POSITIVE_INFINITY } })) {
      if (Object.hasOwn(fields, part.fieldname)) throw invalidField(part.fieldname, 'must be given once');
      fields[part.fieldname] = part.type === 'file' ? await readFile(part, fileBytesMax) : fieldText(part);
    }
  } catch (error) {
    throw isFromParser(error)
      ? new AppError('body_malformed', { detail: 'The body is not well-formed multipart data.', cause: error })
      : error;
  }
  return fields;
}

/** The parser throws bare errors, without class or code, for whatever it cannot read. */
function isFromParser(error: unknown): boolean {
  return error instanceof Error && error.name === 'Error' && !('code' in error);
}

async function readFile(part: MultipartFile, bytesMax: number): Promise<UploadedFile> {
  if (isGarbled(part.filename)) throw invalidField(part.fieldname, 'must have a name in UTF-8');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of part.file as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return { filename: part.filename, mediaType: part.mimetype, bytes: Buffer.concat(chunks, size) };
}

function fieldText({ fieldname, value, valueTruncated }: MultipartValue): string {
  if (valueTruncated) throw invalidField(fieldname, `must have at most ${fieldBytesMax} bytes`);
  if (typeof value !== 'string' || isGarbled(value)) throw invalidField(fieldname, 'must be UTF-8 text');
  return value;
}

/** The parser puts this character where bytes are not UTF-8. */
function isGarbled(text: string): boolean {
  return text.includes('\ufffd');
}

function tooLarge(bytesMax: number): AppError {
  return new AppError('body_too_large', { detail: `The file has more than ${bytesMax} bytes (UPLOAD_BYTES_MAX).` });
}

function invalidField(name: string, message: string): AppError {
  const error: FieldError = { location: 'body', pointer: `/${name.slice(0, 100)}`, message };
  return new AppError('request_invalid', { detail: `${name.slice(0, 100)} ${message}`, errors: [error] });
}
