/**
 * Sealing under the keys of one tenant. Pure and synchronous, so that it may run inside a transaction.
 *
 * Layout of a sealed value: version (1 byte), mode (1), key version (4, big endian), then nonce, ciphertext and tag. A
 * plain value, where policy allows it, is version, mode and the bytes. The cell (tenant, table, row, column) and the
 * header are authenticated, so a value moved to another place does not open.
 */

import { createHmac, hkdfSync } from 'node:crypto';
import { type Classification, isWithinClearance } from '../context.ts';
import { decrypt, encrypt, lengthPrefixed } from './aead.ts';

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
  /** Seals a value for its cell, or marks it plain where policy allows that for its sensitivity. */
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
const plainHeaderBytes = 2;
const sealedHeaderBytes = 6;

/** A vault over the data keys of a tenant, lowest version first; there must be at least one. */
export function createTenantVault(
  tenantId: string,
  dataKeys: readonly DataKey[],
  sealFrom: Classification,
): TenantVault {
  const first = dataKeys[0];
  const newest = dataKeys.at(-1);
  if (first === undefined || newest === undefined) throw new Error('A tenant vault needs a data key.');
  const sealKeys = new Map(dataKeys.map(({ version, key }) => [version, derive(key, 'seal')]));
  const digestKeys = new Map<string, Uint8Array>();

  function isSealed(sensitivity: Sensitivity): boolean {
    if (sensitivity === 'secret' || sensitivity === 'restricted') return true;
    return isWithinClearance(sealFrom, sensitivity);
  }

  function sealKey(version: number): Uint8Array {
    const key = sealKeys.get(version);
    if (key === undefined) throw new Error(`The value was sealed with key version ${version}, which is not there.`);
    return key;
  }

  function openBytes(cell: Cell, sealed: Uint8Array): Uint8Array {
    if (sealed[0] !== formatVersion) throw new Error(`The sealed value has the unknown format ${sealed[0]}.`);
    if (sealed[1] === modePlain) return sealed.subarray(plainHeaderBytes);
    if (sealed[1] !== modeSealed || sealed.length < sealedHeaderBytes)
      throw new Error('The sealed value is malformed.');
    const header = sealed.subarray(0, sealedHeaderBytes);
    const version = Buffer.from(header.buffer, header.byteOffset, header.byteLength).readUInt32BE(2);
    return decrypt(sealKey(version), sealed.subarray(sealedHeaderBytes), associatedData(tenantId, cell, header));
  }

  return {
    tenantId,
    seal(cell, plaintext, sensitivity) {
      const bytes = Buffer.from(plaintext);
      if (!isSealed(sensitivity)) return Buffer.concat([Buffer.from([formatVersion, modePlain]), bytes]);
      const header = Buffer.alloc(sealedHeaderBytes);
      header[0] = formatVersion;
      header[1] = modeSealed;
      header.writeUInt32BE(newest.version, 2);
      return Buffer.concat([header, encrypt(sealKey(newest.version), bytes, associatedData(tenantId, cell, header))]);
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
