import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifications } from '../context.ts';
import { type Cell, createTenantVault, type Sensitivity, type TenantVault } from './tenant-vault.ts';

const key = randomBytes(32);
const vaultOf = (tenantId: string, sealFrom: (typeof classifications)[number] = 'internal') =>
  createTenantVault(tenantId, [{ version: 1, key }], sealFrom);
const vault = vaultOf('ten_a');
const cell: Cell = { table: 'documents', rowId: 'doc_1', column: 'title' };
const sensitivities: readonly Sensitivity[] = [...classifications, 'secret'];

const anyBytes = fc.uint8Array({ maxLength: 300 });
const anySensitivity = fc.constantFrom(...sensitivities);
const anyCell = fc.record({ table: fc.string(), rowId: fc.string(), column: fc.string() });

const opens = (opener: TenantVault, place: Cell, sealed: Uint8Array) => {
  try {
    opener.openBytes(place, sealed);
    return true;
  } catch {
    return false;
  }
};

describe('sealing for a cell', () => {
  it('gives back exactly the bytes, whatever they are and however they are protected', () => {
    fc.assert(
      fc.property(anyCell, anyBytes, anySensitivity, (place, bytes, sensitivity) => {
        expect(Buffer.from(vault.openBytes(place, vault.seal(place, bytes, sensitivity))).equals(bytes)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), anySensitivity, (text, sensitivity) => {
        expect(vault.open(cell, vault.seal(cell, text, sensitivity))).toBe(text);
      }),
    );
  });

  it('binds the value to tenant, table, row and column, sealed or plain', () => {
    fc.assert(
      fc.property(anyCell, anyCell, anyBytes, anySensitivity, (place, other, bytes, sensitivity) => {
        const sealed = vault.seal(place, bytes, sensitivity);
        const isSame = JSON.stringify(Object.values(place)) === JSON.stringify(Object.values(other));
        expect(opens(vault, other, sealed)).toBe(isSame);
        expect(opens(vaultOf('ten_b'), place, sealed)).toBe(false);
      }),
    );
    for (const sensitivity of sensitivities) {
      const sealed = vault.seal(cell, 'x', sensitivity);
      for (const moved of [{ table: 'chunks' }, { rowId: 'doc_2' }, { column: 'filename' }]) {
        expect(opens(vault, { ...cell, ...moved }, sealed)).toBe(false);
      }
      // Letters that move from one part of the place to the next make another place.
      expect(opens(vault, { table: 'document', rowId: 'sdoc_1', column: 'title' }, sealed)).toBe(false);
    }
  });

  it('notices every flipped bit, every missing byte and every added one', () => {
    for (const sensitivity of ['public', 'secret'] as const) {
      const sealed = vault.seal(cell, 'some content', sensitivity);
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const altered = Uint8Array.from(sealed);
        altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(opens(vault, cell, altered), `${sensitivity}, bit ${bit}`).toBe(false);
      }
      for (let length = 0; length < sealed.length; length++) {
        expect(opens(vault, cell, sealed.subarray(0, length))).toBe(false);
      }
      expect(opens(vault, cell, Buffer.concat([sealed, Buffer.of(0)]))).toBe(false);
    }
  });

  it('takes no plain value from somebody who can write to the database but has no key', () => {
    const forger = createTenantVault('ten_a', [{ version: 1, key: randomBytes(32) }], 'restricted');
    expect(opens(vault, cell, forger.seal(cell, 'forged', 'public'))).toBe(false);
    expect(opens(vault, cell, Buffer.from('\u0001\u0000forged'))).toBe(false);
  });
});

describe('policy', () => {
  it.each(classifications)('seals from %s upwards, and secrets and restricted content always', (sealFrom) => {
    for (const sensitivity of sensitivities) {
      const isReadable = Buffer.from(vaultOf('ten_a', sealFrom).seal(cell, 'in the clear', sensitivity)).includes(
        'in the clear',
      );
      const isAlwaysSealed = sensitivity === 'secret' || sensitivity === 'restricted';
      const isBelow = classifications.indexOf(sensitivity as 'public') < classifications.indexOf(sealFrom);
      expect(isReadable, sensitivity).toBe(!isAlwaysSealed && isBelow);
    }
  });

  it('opens what was written under another policy', () => {
    const lax = vaultOf('ten_a', 'restricted');
    expect(vault.open(cell, lax.seal(cell, 'x', 'internal'))).toBe('x');
    expect(lax.open(cell, vault.seal(cell, 'x', 'internal'))).toBe('x');
  });

  it('never seals the same value to the same bytes', () => {
    const seals = Array.from({ length: 1000 }, () => Buffer.from(vault.seal(cell, 'x', 'secret')).toString('hex'));
    expect(new Set(seals).size).toBe(1000);
  });
});

describe('key versions', () => {
  const second = { version: 2, key: randomBytes(32) };
  const rotated = createTenantVault('ten_a', [{ version: 1, key }, second], 'internal');

  it('seals with the newest and opens with each', () => {
    expect(rotated.open(cell, vault.seal(cell, 'old', 'secret'))).toBe('old');
    const sealed = rotated.seal(cell, 'new', 'secret');
    expect(() => vault.open(cell, sealed)).toThrow('key version 2, which is not there');
    expect(createTenantVault('ten_a', [second], 'internal').open(cell, sealed)).toBe('new');
  });

  it('digests the same before and after a rotation', () => {
    expect(rotated.digest('word', 'x')).toEqual(vault.digest('word', 'x'));
  });

  it('refuses to be without a key', () => {
    expect(() => createTenantVault('ten_a', [], 'internal')).toThrow('needs a data key');
  });
});

describe('digests', () => {
  it('are stable within tenant and purpose, and unrelated across them', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (purpose, other, data) => {
        const digest = Buffer.from(vault.digest(purpose, data)).toString('hex');
        expect(Buffer.from(vaultOf('ten_a').digest(purpose, Buffer.from(data))).toString('hex')).toBe(digest);
        if (other !== purpose) expect(Buffer.from(vault.digest(other, data)).toString('hex')).not.toBe(digest);
      }),
    );
    const elsewhere = createTenantVault('ten_a', [{ version: 1, key: randomBytes(32) }], 'internal');
    expect(elsewhere.digest('word', 'x')).not.toEqual(vault.digest('word', 'x'));
  });
});
