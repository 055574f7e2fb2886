/** Everything the HTTP edge calls. The composition root passes it in; nothing here is optional to run, unless it says so. */

import type { AuditLog } from '../audit/index.ts';
import type { RequestContext } from '../context.ts';
import type { Documents } from '../documents/index.ts';
import type { Identity } from '../identity/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Limits } from '../limits/index.ts';
import type { ModelEntry } from '../llm/index.ts';
import type { AnswerQuestion, Chat } from '../query/index.ts';
import type { Scheduler } from '../scheduler/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { Tenants } from '../tenants/index.ts';

/** How a part of the server is. `off` means that the settings do not use it. */
export interface HealthComponent {
  readonly name: string;
  readonly status: 'ok' | 'degraded' | 'down' | 'off';
  /** Whether the server can do its main job without it. */
  readonly required: boolean;
  /** One sentence for operators; no secrets. */
  readonly detail?: string;
  readonly latencyMs?: number;
}

/** What the HTTP edge calls. */
export interface Services {
  /** Logins, credentials, users, keys. */
  readonly identity: Identity;
  /** The tenants, for operators, and the caller's own. */
  readonly tenants: Tenants;
  /** Documents and collections. */
  readonly documents: Documents;
  /** Answers a question from the documents. */
  readonly answer: AnswerQuestion;
  /** Passes a chat to the model endpoint. */
  readonly chat: Chat;
  /** The models that the caller may use, as the gateway lists them. */
  readonly models: (ctx: RequestContext) => Promise<readonly ModelEntry[]>;
  /** What was used and charged. */
  readonly ledger: Pick<Ledger, 'usage'>;
  /** The audit log and the operators' security events. */
  readonly audit: Pick<AuditLog, 'list' | 'listSecurityEvents' | 'recordSecurityEvent'>;
  /** Who waits for the model. */
  readonly scheduler: Pick<Scheduler, 'survey'>;
  /** Rates and budgets. */
  readonly limits: Pick<Limits, 'admit' | 'admitAnonymous' | 'budget'>;
  /** The state of every part; must answer even when parts do not, so it ends when the signal aborts. */
  readonly health: { readonly components: (signal: AbortSignal) => Promise<readonly HealthComponent[]> };
  /** What is counted. */
  readonly metrics: Metrics;
  /** Told when a caller named an id that is not theirs to see, so that operators can learn of probing; changes no answer. */
  readonly onNotFound?: (ctx: RequestContext, id: string) => void;
}
