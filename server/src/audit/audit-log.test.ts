import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { newId } from '../db/index.ts';
import { createKeyFile, createLocalKms, createVault, type Vault } from '../vault/index.ts';
import { type AuditLog, createAuditLog, type SecurityEvent } from './audit-log.ts';
import type { AuditEvent } from './event.ts';
import { auditEvents } from './tables.ts';

const event: AuditEvent = { action: 'document.deleted', outcome: 'success', actor: { kind: 'user', id: 'usr_1' } };

describe.each(testDatabases)('the audit log on $name', ({ open }) => {
  let test: TestDatabase;
  let folder: string;
  let vault: Vault;
  let audit: AuditLog;
  let logged: string[];
  let scope: { tenantId: string };

  beforeAll(async () => {
    test = await open();
    folder = mkdtempSync(join(tmpdir(), 'genai-audit-'));
    createKeyFile(join(folder, 'key'));
    const kms = createLocalKms(join(folder, 'key'));
    vault = createVault({ database: test.database, kms, sealFrom: 'internal', dataKeyCacheTtlMs: 60_000 });
  });
  afterAll(async () => {
    await test.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    logged = [];
    scope = { tenantId: newId('tenant') };
    audit = logWith();
  });

  const logWith = (options: Partial<Parameters<typeof createAuditLog>[0]> = {}) =>
    createAuditLog({
      database: test.database,
      vault,
      log: pino({}, { write: (line) => void logged.push(line) }),
      onSecurityEvent: () => {},
      ...options,
    });

  async function append(given: AuditEvent, after: () => void = () => {}): Promise<void> {
    const box = await vault.forTenant(scope);
    await test.database.withTenant(scope, async (tx) => {
      await audit.append(tx, box, given);
      after();
    });
  }

  const numberOf = (entry: { event: unknown }) => (entry.event as { details: { n: number } }).details.n;

  it('keeps an event exactly when the act it tells of is kept', async () => {
    await append(event);
    const failing = append(event, () => {
      throw new Error('the act failed');
    });
    await expect(failing).rejects.toThrow('the act failed');
    expect((await audit.list(scope, { limit: 10, cursor: undefined })).data).toHaveLength(1);
  });

  it('shows a tenant its own events with their personal values', async () => {
    await append({ ...event, personal: { email: 'ada@example.test' } });
    const { data, nextCursor } = await audit.list(scope, { limit: 1, cursor: undefined });
    expect(data).toMatchObject([{ event: { action: 'document.deleted' }, personal: { email: 'ada@example.test' } }]);
    expect(nextCursor).toBeNull();
    expect((await audit.list({ tenantId: newId('tenant') }, { limit: 10, cursor: undefined })).data).toEqual([]);
  });

  it('keeps the text as it was when the personal values are erased', async () => {
    await append({ ...event, personal: { email: 'ada@example.test' } });
    const [before] = (await audit.list(scope, { limit: 1, cursor: undefined })).data;
    await test.superuser('update genai.audit_events set personal_sealed = null where tenant_id = $1', [scope.tenantId]);
    const [after] = (await audit.list(scope, { limit: 1, cursor: undefined })).data;
    expect(after).toEqual({ ...before, personal: {} });
  });

  it('holds no personal value that a reader of the database could read', async () => {
    await append({ ...event, personal: { email: 'ada@example.test' } });
    const [row] = await test.superuser(
      `select a::text, encode(personal_sealed, 'escape') as sealed from genai.audit_events a where tenant_id = $1`,
      [scope.tenantId],
    );
    expect(JSON.stringify(row)).not.toContain('ada@');
  });

  it('pages through everything once, newest first, while events are appended and removed', async () => {
    for (let n = 0; n < 20; n++) await append({ ...event, details: { n } });
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await audit.list(scope, { limit: 6, cursor });
      seen.push(...page.data.map(numberOf));
      await append({ ...event, details: { n: 99 } });
      // The row that the cursor names goes, as retention might have it.
      await test.superuser('delete from genai.audit_events where id = $1', [page.data.at(-1)?.id]);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => 19 - index));
  });

  it.each(['', 'x', '\u0000', "' or true --", `doc_${'0'.repeat(32)}`])(
    'refuses a cursor that it never returned: %j',
    async (cursor) => {
      await expect(audit.list(scope, { limit: 5, cursor })).rejects.toMatchObject({
        code: 'request_invalid',
        errors: [{ location: 'query', pointer: '/cursor' }],
      });
    },
  );

  it('lets nobody change or remove what was appended', async () => {
    await append(event);
    const update = test.database.withTenant(scope, (tx) => tx.update(auditEvents).set({ action: 'x.y' }));
    await expect(update).rejects.toThrow(/permission denied/);
    const remove = test.database.asSystem('audit.security', (tx) =>
      tx.delete(auditEvents).where(eq(auditEvents.tenantId, scope.tenantId)),
    );
    await expect(remove).rejects.toThrow(/permission denied/);
  });

  describe('security events', () => {
    const security = (details: SecurityEvent['details'] = {}): SecurityEvent => ({
      tenantId: scope.tenantId,
      kind: 'test.event',
      severity: 'high',
      details,
    });

    it('are listed newest first for operators, and no tenant can read them', async () => {
      await audit.recordSecurityEvent({ ...security({ n: 1 }), requestId: 'req_1', userId: 'usr_1' });
      await audit.recordSecurityEvent(security({ n: 2 }));
      const [second, first] = await audit.listSecurityEvents({ limit: 2 });
      expect(first).toMatchObject({ ...security({ n: 1 }), requestId: 'req_1', userId: 'usr_1' });
      expect(second).toEqual({ ...security({ n: 2 }), id: second?.id, occurredAt: second?.occurredAt });
      const read = test.database.withTenant(scope, (tx) => tx.execute(sql`select * from genai.security_events`));
      await expect(read).rejects.toThrow(/permission denied/);
    });

    it('are recorded whatever an attacker put into them', async () => {
      const hostile = {
        nul: 'a\u0000b',
        lone: '\ud800',
        '\u0000': 'key',
        deep: [{ text: '"}\\' }],
        long: 'x'.repeat(100_000),
      };
      await audit.recordSecurityEvent(security(hostile));
      expect((await audit.listSecurityEvents({ limit: 1 }))[0]?.details).toEqual(hostile);
      expect(logged).toEqual([]);
    });

    it('never make the request fail: what cannot be recorded is logged, without its details', async () => {
      const down = await open();
      await down.close();
      await logWith({ database: down.database }).recordSecurityEvent(security({ secret: 'hidden' }));
      const countless = () => {
        throw new Error('no metrics');
      };
      await logWith({ onSecurityEvent: countless }).recordSecurityEvent(security({ secret: 'hidden' }));
      expect(logged.map((line) => JSON.parse(line).msg)).toEqual([
        'security event not recorded',
        'security event not recorded',
      ]);
      expect(logged.join()).not.toContain('hidden');
    });

    it('are counted by kind', async () => {
      const kinds: string[] = [];
      await logWith({ onSecurityEvent: (kind) => void kinds.push(kind) }).recordSecurityEvent(security());
      expect(kinds).toEqual(['test.event']);
    });
  });
});
