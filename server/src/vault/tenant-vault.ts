/**
 * Sealing under the keys of one tenant. Pure and synchronous, so that it may run inside a transaction.
 *
 * Layout of a sealed value: version (1 byte), mode (1), key version (4, big endian), then nonce, ciphertext and tag. A
 * plain value, where policy allows it, is an authentication code and the bytes after the same header. In both modes the
 * cell (tenant, table, row, column) and the header are authenticated, so a value that was moved to another place, or
 * written by somebody who has the database but not the key, does not open.
 */

import { createHmac, hkdfSync } from 'node:crypto';
import { type Classification, isWithinClearance } from '../context.ts';
import { authenticate, decrypt, encrypt, lengthPrefixed, verify } from './aead.ts';

/** Where a sealed value lives. */
export interface Cell {
  readonly table: string;
  readonly rowId: string;
  readonly column: string;
}

/** How much a value needs protection; secrets are always sealed. */
export type Sensitivity = Classification | 'secret';

/** Seals and opens values of one tenant. */
export interface TenantVault {
  readonly tenantId: string;
  /** Seals a value for its cell, or only authenticates it where policy allows that for its sensitivity. */
  readonly seal: (cell: Cell, plaintext: string | Uint8Array, sensitivity: Sensitivity) => Uint8Array;
  /** Opens a text value; throws when it was altered or belongs to another cell or tenant. */
  readonly open: (cell: Cell, sealed: Uint8Array) => string;
  /** Opens bytes; otherwise like `open`. */
  readonly openBytes: (cell: Cell, sealed: Uint8Array) => Uint8Array;
  /** HMAC-SHA-256 under a key of this tenant and purpose: the same input gives the same output here, and nowhere else. */
  readonly digest: (purpose: string, data: string | Uint8Array) => Uint8Array;
}

/** A data key and its version; the highest version seals. */
export interface DataKey {
  readonly version: number;
  readonly key: Uint8Array;
}

const formatVersion = 1;
const modePlain = 0;
const modeSealed = 1;
const headerBytes = 6;

/** A vault over the data keys of a tenant, lowest version first; there must be at least one. */
export function createTenantVault(
  tenantId: string,
  dataKeys: readonly DataKey[],
  sealFrom: Classification,
): TenantVault {
  const first = dataKeys[0];
  const newest = dataKeys.at(-1);
  if (first === undefined || newest === undefined) throw new Error('A tenant vault needs a data key.');
  const keys = new Map(
    dataKeys.map(({ version, key }) => [version, { seal: derive(key, 'seal'), plain: derive(key, 'plain') }]),
  );
  const digestKeys = new Map<string, Uint8Array>();

  /** Restricted is the highest there is, so no policy leaves it readable. */
  function isSealed(sensitivity: Sensitivity): boolean {
    return sensitivity === 'secret' || isWithinClearance(sealFrom, sensitivity);
  }

  function keysOf(version: number): { seal: Uint8Array; plain: Uint8Array } {
    const found = keys.get(version);
    if (found === undefined) throw new Error(`The value was sealed with key version ${version}, which is not there.`);
    return found;
  }

  function openBytes(cell: Cell, sealed: Uint8Array): Uint8Array {
    if (sealed[0] !== formatVersion) throw new Error(`The sealed value has the unknown format ${sealed[0]}.`);
    if (sealed.length < headerBytes) throw new Error('The sealed value is malformed.');
    const header = Buffer.from(sealed.subarray(0, headerBytes));
    const { seal, plain } = keysOf(header.readUInt32BE(2));
    const body = sealed.subarray(headerBytes);
    const place = associatedData(tenantId, cell, header);
    if (header[1] === modeSealed) return decrypt(seal, body, place);
    if (header[1] === modePlain) return verify(plain, body, place);
    throw new Error('The sealed value is malformed.');
  }

  return {
    tenantId,
    seal(cell, plaintext, sensitivity) {
      const bytes = Buffer.from(plaintext);
      const mode = isSealed(sensitivity) ? modeSealed : modePlain;
      const header = Buffer.alloc(headerBytes);
      header[0] = formatVersion;
      header[1] = mode;
      header.writeUInt32BE(newest.version, 2);
      const { seal, plain } = keysOf(newest.version);
      const place = associatedData(tenantId, cell, header);
      const body = mode === modeSealed ? encrypt(seal, bytes, place) : authenticate(plain, bytes, place);
      return Buffer.concat([header, body]);
    },
    open: (cell, sealed) => Buffer.from(openBytes(cell, sealed)).toString('utf8'),
    openBytes,
    digest(purpose, data) {
      let key = digestKeys.get(purpose);
      if (key === undefined) {
        // Digests are compared over time, so their key must outlive rotation: it always comes from the first version.
        key = derive(first.key, `digest ${purpose}`);
        digestKeys.set(purpose, key);
      }
      return createHmac('sha256', key).update(data).digest();
    },
  };
}

function derive(key: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(), `genai ${info}`, 32));
}

function associatedData(tenantId: string, cell: Cell, header: Uint8Array): Buffer {
  return lengthPrefixed([tenantId, cell.table, cell.rowId, cell.column, header]);
}
