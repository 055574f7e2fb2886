/** The names of our own objects as the wire writes them. The types follow, so a field that is missing does not compile. */

type SnakeKey<K extends string> = K extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeKey<Tail>}`
  : K;

/** A type with the names of its fields in snake case, at every depth. */
export type SnakeCased<T> = T extends Date | bigint | string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? SnakeCased<Item>[]
    : { [K in keyof T as K extends string ? SnakeKey<K> : never]: SnakeCased<T[K]> };

/** A copy of plain data with the names of all fields in snake case; dates and numbers stay what they are. */
export function snakeCased<T>(value: T): SnakeCased<T> {
  return convert(value) as SnakeCased<T>;
}

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [snakeKey(key), convert(field)]));
}

function snakeKey(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
