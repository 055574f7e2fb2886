/**
 * The reference for people: one page without scripts, made from the OpenAPI document and the tables of codes and
 * permissions. Everything that stands in it is escaped.
 */

import { readFileSync } from 'node:fs';
import { permissions } from '../access/index.ts';
import { errorCodes } from '../errors.ts';
import type { JsonSchema, OpenApiDocument, OpenApiOperation, OpenApiParameter, OpenApiResponse } from './openapi.ts';

/** The style sheet of the page. */
export const referenceStyle = readFileSync(new URL('./reference-page.css', import.meta.url), 'utf8');

/** HTML that is safe to put into a page. */
type Html = { readonly html: string };

/** Joins pieces of a page; whatever is not HTML already is escaped. */
function html(parts: TemplateStringsArray, ...values: readonly (Html | readonly Html[] | string | number)[]): Html {
  const filled = parts.map((part, index) => part + (index < values.length ? htmlFrom(values[index] ?? '') : ''));
  return { html: filled.join('') };
}

function htmlFrom(value: Html | readonly Html[] | string | number): string {
  if (Array.isArray(value)) return value.map(({ html: text }: Html) => text).join('\n');
  if (typeof value === 'object') return (value as Html).html;
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return String(value).replaceAll(/[&<>"']/g, (char) => entities[char] ?? char);
}

/** The whole page. */
export function referencePage(document: OpenApiDocument): string {
  const { info, tags, paths, components } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} API reference</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header>
<h1>${info.title} API</h1>
<p>${info.summary}</p>
<p>Version ${info.version}. For programs: <a href="/openapi.json">openapi.json</a>, OpenAPI 3.1.</p>
<p>Every operation with a credential takes the header <code>x-tenant-id</code>. ${components.parameters['x-tenant-id']?.description ?? ''}</p>
</header>
<nav aria-label="Chapters">
<ul>
${tags.map(({ name }) => html`<li><a href="#tag-${name}">${name}</a></li>`)}
<li><a href="#schemas">schemas</a></li>
<li><a href="#errors">errors</a></li>
<li><a href="#permissions">permissions</a></li>
</ul>
</nav>
<main>
${tags.map(
  ({ name, description }) => html`<section id="tag-${name}">
<h2>${name}</h2>
<p>${description}</p>
${operations.filter(({ operation }) => operation.tags.includes(name)).map(({ path, method, operation }) => operationArticle(path, method, operation))}
</section>`,
)}
${schemasSection(components.schemas)}
${errorsSection()}
${permissionsSection()}
</main>
</body>
</html>
`;
  return page.html;
}

function operationArticle(path: string, method: string, operation: OpenApiOperation): Html {
  const { operationId, summary, description, requestBody, responses } = operation;
  // What all operations share is told once, in the description of the API.
  const parameters = operation.parameters.filter((field): field is OpenApiParameter => 'name' in field);
  const bodies = Object.entries(requestBody?.content ?? {});
  return html`<article id="operation-${operationId}">
<h3><span class="method">${method}</span> <code>${path}</code></h3>
<p>${summary}</p>
${description === undefined ? '' : html`<p>${description}</p>`}
<p>Access: <code>${operation['x-permission']}</code>${operation['x-needs'] === undefined ? '' : ` Needs ${operation['x-needs']}.`}</p>
${
  parameters.length === 0
    ? ''
    : html`<table><caption>Parameters</caption>
${parameters.map((field) => row(html`<code>${field.name}</code>`, `${field.in}${field.required ? ', required' : ''}`, typeOf(field.schema), field.description ?? ''))}
</table>`
}
${bodies.map(([mediaType, { schema }]) => html`<p>Body: ${typeOf(schema)} as <code>${mediaType}</code></p>`)}
<table><caption>Answers</caption>
${Object.entries(responses).map(([status, response]) => row(status, response.description, answerOf(response)))}
</table>
</article>`;
}

function answerOf(response: OpenApiResponse): Html {
  const codes = response['x-error-codes'];
  if (codes !== undefined) return html`${codes.map((code) => html`<a href="#error-${code}"><code>${code}</code></a>`)}`;
  const types = Object.entries(response.content ?? {});
  return html`${types.map(([mediaType, { schema }]) => html`${typeOf(schema)} <code>${mediaType}</code>`)}`;
}

function schemasSection(schemas: Readonly<Record<string, JsonSchema>>): Html {
  return html`<section id="schemas">
<h2>schemas</h2>
${Object.entries(schemas).map(
  ([name, schema]) => html`<article id="schema-${name}">
<h3>${name}</h3>
${schema.description === undefined ? '' : html`<p>${schema.description}</p>`}
${schema.properties === undefined ? html`<p>${typeOf(schema)}</p>` : fieldsTable(schema)}
</article>`,
)}
</section>`;
}

function fieldsTable({ properties = {}, required = [] }: JsonSchema): Html {
  const rows = Object.entries(properties).map(([name, field]) =>
    row(html`<code>${name}</code>`, required.includes(name) ? 'required' : '', typeOf(field), field.description ?? ''),
  );
  return html`<table>
${rows}
</table>`;
}

function typeOf(schema: JsonSchema): Html {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.anyOf !== undefined)
    return html`${schema.anyOf.flatMap((one, index) => [...(index === 0 ? [] : [html` or `]), typeOf(one)])}`;
  if (schema.items !== undefined) return html`list of ${typeOf(schema.items)}`;
  if (schema.enum !== undefined) return html`${schema.enum.map((value) => html`<code>${String(value)}</code>`)}`;
  if (schema.const !== undefined) return html`<code>${String(schema.const)}</code>`;
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : String(schema.type ?? 'anything');
  const initial = schema.default === undefined ? '' : `, ${JSON.stringify(schema.default)} when left out`;
  return html`${type}${schema.format === undefined ? '' : ` (${schema.format})`}${initial}`;
}

function errorsSection(): Html {
  return html`<section id="errors">
<h2>errors</h2>
<p>Errors are <code>application/problem+json</code> (RFC 9457), and on <code>/v1</code> the error object of the OpenAI API. Programs go by <code>code</code>.</p>
${Object.entries(errorCodes).map(
  ([code, { status, title, fix, retryable }]) => html`<article id="error-${code}">
<h3><code>${code}</code> <span class="status">${status}</span></h3>
<p>${title}</p>
<p>${fix} ${retryable ? 'The same request may succeed later.' : ''}</p>
</article>`,
)}
</section>`;
}

function permissionsSection(): Html {
  return html`<section id="permissions">
<h2>permissions</h2>
<table><caption>Who holds what; the scopes of an API key narrow it.</caption>
${Object.entries(permissions).map(([name, { description, roles }]) => row(html`<code>${name}</code>`, description, roles.join(', ')))}
</table>
</section>`;
}

function row(...cells: readonly (Html | string)[]): Html {
  return html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
}
