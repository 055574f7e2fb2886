/** Reads the documents beside this file. */
import { readFileSync } from 'node:fs';

/** The bytes of a fixture. */
export function readFixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, import.meta.url)));
}
