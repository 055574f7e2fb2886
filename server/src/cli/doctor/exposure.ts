/** Looks for settings that are allowed and still dangerous where the server is reachable by others. */

import type { Config } from '../../config/index.ts';
import type { Check, Finding } from './finding.ts';

type Result = Omit<Finding, 'check'>;

/** The check of what others could reach. */
export function exposureCheck(config: Config): Check {
  return { name: 'exposure', fix: '', look: () => exposureFindings(config) };
}

function exposureFindings({ server, database, observability, encryption }: Config): readonly Result[] {
  const isProduction = server.environment === 'production';
  const isOpen = !isLoopback(server.host);
  const findings: Result[] = [];
  if (isOpen && !isProduction) {
    const detail = `HOST=${server.host} lets others reach a server with the defaults of development`;
    findings.push({
      status: 'warning',
      detail,
      fix: 'Set HOST=127.0.0.1, or APP_ENV=production and what it asks for.',
    });
  }
  if (isOpen && observability.metricsToken === undefined) {
    const detail = 'METRICS_TOKEN is empty, so others can read metrics and component states';
    findings.push({ status: 'warning', detail, fix: 'Set it to a random word of 16 or more characters.' });
  }
  if (server.corsOrigins.includes('*')) {
    const detail = 'CORS_ORIGINS allows every origin';
    findings.push({ status: 'warning', detail, fix: 'Name the origins of your own pages.' });
  }
  const { protocol, hostname } = new URL(server.publicUrl ?? 'http://127.0.0.1');
  if (protocol === 'http:' && !isLoopback(hostname)) {
    const detail = `PUBLIC_URL=${server.publicUrl} sends passwords and keys unencrypted`;
    findings.push({ status: 'warning', detail, fix: 'Put TLS in front and name the https:// address.' });
  }
  if (isProduction && database.url === undefined) {
    const detail = 'the embedded database survives a killed process, but not a power cut';
    findings.push({ status: 'warning', detail, fix: 'Point DATABASE_URL at PostgreSQL.' });
  }
  if (database.url !== undefined && encryption.keyFile === undefined && !isProduction) {
    const detail = 'the key file lies in GENAI_DATA_DIR, beside the documents that it protects';
    findings.push({
      status: 'warning',
      detail,
      fix: 'Keep it on another volume and name it with ENCRYPTION_KEY_FILE.',
    });
  }
  return findings.length > 0
    ? findings
    : [{ status: 'ok', detail: isOpen ? 'as production asks' : 'this machine only' }];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || host.startsWith('127.');
}
