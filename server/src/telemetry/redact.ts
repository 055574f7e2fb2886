/**
 * What may stand in a log line.
 *
 * Two nets, because content and secrets must not reach the log whatever a caller passes: values whose key names something
 * sensitive are replaced wherever they stand, and anything in the finished line that has the form of a credential is
 * replaced whatever its key. Errors are printed without the properties that drivers hang on them, such as parameters.
 */

/** Keys, in lower case without separators, whose text is never logged: credentials, then content, then personal data. */
const sensitiveKeys = new Set([
  ...['authorization', 'proxyauthorization', 'cookie', 'setcookie', 'password', 'passwordhash', 'secret', 'secrethash'],
  ...[
    'key',
    'apikey',
    'xapikey',
    'token',
    'accesstoken',
    'refreshtoken',
    'credential',
    'pepper',
    'plaintext',
    'sealed',
  ],
  ...[
    'question',
    'answer',
    'content',
    'contents',
    'text',
    'prompt',
    'messages',
    'quote',
    'passage',
    'passages',
    'body',
  ],
  ...['title', 'filename', 'params', 'parameters', 'query', 'email', 'username'],
]);

/** Access tokens, keys of ours and of the OpenAI form, and whatever follows `Bearer`. */
const credentialPattern =
  /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+|\b(?:sk-|op-gen-|rt-gen-|bg-gen-)[\w-]{16,}|\bBearer\s+[\w.~+/=-]+/g;

const depthMax = 6;
const itemsMax = 50;
const causesMax = 5;
const textLengthMax = 2000;
const replacement = '[redacted]';

/** A copy of what a caller wants logged, without sensitive values, byte arrays and bottomless structures. */
export function redactedFields(fields: Record<string, unknown>): Record<string, unknown> {
  return fieldsOf(fields, depthMax);
}

/** A finished log line without credentials. */
export function redactedLine(line: string): string {
  return line.replace(credentialPattern, replacement);
}

/** How an error appears in the log. */
interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

/** Name, code, message, stack and causes of a thrown value, and nothing else that hangs on it. */
function loggedError(thrown: unknown, causesLeft: number = causesMax): LoggedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: 'A value that is not an error was thrown.' };
  const code = (thrown as { code?: unknown }).code;
  return {
    type: thrown.name,
    message: shortened(messageWithoutParameters(thrown.message)),
    ...(typeof code === 'string' ? { code } : {}),
    ...(thrown.stack === undefined ? {} : { stack: framesOf(thrown.stack) }),
    ...(thrown.cause === undefined || causesLeft === 0 ? {} : { cause: loggedError(thrown.cause, causesLeft - 1) }),
  };
}

/** The query layer appends the parameters of a failed statement to its message; they are content. */
export function messageWithoutParameters(message: string): string {
  return message.split('\nparams:', 1)[0] ?? '';
}

/** The frames alone: the head of a stack repeats the message. */
function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim())
    .join('\n');
}

function fieldsOf(fields: object, depthLeft: number): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, itemsMax);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, isSensitive(key, value) ? replacement : loggedValue(value, depthLeft - 1)]),
  );
}

/** Numbers and booleans say nothing: `tokens: 12` and `body: true` may stay. */
function isSensitive(key: string, value: unknown): boolean {
  const isTelling = typeof value === 'string' || (typeof value === 'object' && value !== null);
  return isTelling && sensitiveKeys.has(key.toLowerCase().replace(/[^a-z0-9]/g, ''));
}

function shortened(text: string): string {
  return text.length > textLengthMax ? `${text.slice(0, textLengthMax)}…` : text;
}

function loggedValue(value: unknown, depthLeft: number): unknown {
  if (typeof value === 'string') return shortened(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return loggedError(value);
  if (value instanceof Date) return value.toJSON();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depthLeft <= 0) return '[too deep]';
  if (Array.isArray(value)) return value.slice(0, itemsMax).map((item) => loggedValue(item, depthLeft - 1));
  return fieldsOf(value, depthLeft);
}
