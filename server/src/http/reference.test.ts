import { describe, expect, it } from 'vitest';
import { permissions } from '../access/index.ts';
import { errorCodes } from '../errors.ts';
import { errorCodesOf, openApiDocument } from './openapi-document.ts';
import { referencePage, referenceStyle } from './reference-page.ts';
import { operations } from './routes/index.ts';

const document = openApiDocument(operations);
const text = JSON.stringify(document);
const described = Object.values(document.paths).flatMap((methods) => Object.values(methods));

describe('the OpenAPI document', () => {
  it('describes every operation once, with a name of its own', () => {
    expect(described).toHaveLength(operations.length);
    expect(new Set(described.map(({ operationId }) => operationId)).size).toBe(operations.length);
    expect(document.openapi).toBe('3.1.1');
  });

  it('refers to nothing that it does not hold', () => {
    const refs = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/([\w-]+)"/g)];
    expect(refs.length).toBeGreaterThan(100);
    expect(text.match(/"\$ref"/g)).toHaveLength(refs.length);
    for (const [, kind = '', name = ''] of refs)
      expect(Object.keys(document.components[kind as 'schemas'])).toContain(name);
  });

  it.each(described.map((operation) => [operation.operationId, operation] as const))(
    'says of %s who may call it and every way it can end',
    (id, operation) => {
      const source = operations.find(({ operationId }) => operationId === id);
      const { access } = source ?? {};
      expect(operation['x-permission']).toBe(typeof access === 'object' ? access.permission : access);
      expect(operation.summary).toMatch(/^[A-Z].*\.$/);
      expect(document.tags.map(({ name }) => name)).toEqual(expect.arrayContaining([...operation.tags]));
      const codes = Object.values(operation.responses).flatMap((response) => response['x-error-codes'] ?? []);
      expect(codes.toSorted()).toEqual(source === undefined ? [] : errorCodesOf(source).toSorted());
      for (const response of Object.values(operation.responses)) expect(response.description).not.toBe('');
      if (access === 'public')
        expect(operation.security.every((scheme) => Object.keys(scheme).every((name) => name === 'metricsToken'))).toBe(
          true,
        );
      else expect(operation.security.length).toBeGreaterThan(0);
    },
  );

  it('closes requests to unknown fields and leaves answers open to new ones', () => {
    expect(document.components.schemas['NewUser']).toMatchObject({
      additionalProperties: false,
      required: ['email', 'name', 'role', 'clearance'],
    });
    expect(document.components.schemas['User']).not.toHaveProperty('additionalProperties');
    expect(document.components.schemas['ChatRequest']).toMatchObject({ additionalProperties: {} });
  });

  it('gives parameters their place, bounds and default', () => {
    expect(document.paths['/api/documents']?.['get']?.parameters).toContainEqual({
      name: 'limit',
      in: 'query',
      required: false,
      description: 'Most items in the answer.',
      schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    });
    expect(document.paths['/api/documents/{id}']?.['get']?.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true, schema: { 'x-names': ['document.id'] } },
      { $ref: '#/components/parameters/x-tenant-id' },
    ]);
  });

  it('documents a code for everything that an answer may say', () => {
    const documented = new Set(operations.flatMap((operation) => errorCodesOf(operation)));
    // These are met before an operation is found, or by whoever is no longer there to read them.
    const elsewhere = [
      'route_not_found',
      'method_not_allowed',
      'request_malformed',
      'headers_too_large',
      'request_incomplete',
      'request_cancelled',
    ];
    // These are found while a document is ingested, and stand in its `error`.
    const ofDocuments = ['document_unreadable', 'document_too_complex'];
    const missing = Object.keys(errorCodes).filter((code) => !documented.has(code as never));
    expect(missing.toSorted()).toEqual([...elsewhere, ...ofDocuments].toSorted());
  });

  it('is the same every time', () => {
    expect(JSON.stringify(openApiDocument(operations))).toBe(text);
  });

  it('refuses two different schemas of one name', () => {
    const [login] = operations;
    const { schema } = operations.find(({ operationId }) => operationId === 'createUser')?.success ?? {};
    if (login?.body === undefined || schema === undefined) throw new Error('The operations are there.');
    const renamed = { ...login, success: { ...login.success, schema: schema.meta({ id: 'LoginRequest' }) } };
    expect(() => openApiDocument([renamed])).toThrow('Two different schemas are named LoginRequest');
  });
});

describe('the reference page', () => {
  const page = referencePage(document);

  it('shows every operation, code, permission and schema under an address of its own', () => {
    for (const { operationId } of operations) expect(page).toContain(`id="operation-${operationId}"`);
    for (const code of Object.keys(errorCodes)) expect(page).toContain(`id="error-${code}"`);
    for (const name of Object.keys(permissions)) expect(page).toContain(`<code>${name}</code>`);
    for (const name of Object.keys(document.components.schemas)) expect(page).toContain(`id="schema-${name}"`);
  });

  it('links to nothing that is not there', () => {
    const targets = [...page.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target);
    expect(targets.length).toBeGreaterThan(100);
    for (const target of new Set(targets)) expect(page).toContain(`id="${target}"`);
  });

  it('needs neither script nor inline style', () => {
    expect(page).not.toMatch(/<script|<style|style=|onclick|javascript:/i);
    expect(referenceStyle).not.toMatch(/@import|url\(/);
  });

  it('escapes what it shows', () => {
    const hostile = { ...document, info: { ...document.info, title: '<script>alert("x")</script>' } };
    expect(referencePage(hostile)).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;');
    expect(referencePage(hostile)).not.toContain('<script>');
  });
});
