/**
 * Identity: who somebody is, by password, access token or API key, and who is in a tenant.
 *
 * Every credential is checked against the rows of its session or key, its user and its tenant, on every call, so that a
 * suspension or a changed role holds from the next request. Every refusal of a credential looks the same.
 */

import type { AuditActor, AuditLog } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import type { Principal, RequestContext } from '../context.ts';
import type { Database } from '../db/index.ts';
import type { Egress } from '../egress/index.ts';
import { AppError } from '../errors.ts';
import { type Counters, createMemoryCounters } from '../limits/index.ts';
import type { Vault } from '../vault/index.ts';
import type { Acting } from './acting.ts';
import { createBreakGlassAuthentication } from './break-glass/authentication.ts';
import { type BreakGlass, createBreakGlass } from './break-glass/break-glass.ts';
import { createConsents } from './break-glass/consents.ts';
import { createAccessTokens } from './credentials/access-tokens.ts';
import { createLoginFailures } from './credentials/login-failures.ts';
import { createOpaqueTokens } from './credentials/opaque-tokens.ts';
import { createPasswords } from './credentials/passwords.ts';
import { createStillStanding } from './credentials/still-standing.ts';
import { createFederatedTokens } from './federation/federated-tokens.ts';
import { createIssuers } from './federation/issuers/issuers.ts';
import { isSignedByKeyPair, tokenLengthMax } from './federation/issuers/signed-tokens.ts';
import { createProviders, type Providers } from './federation/providers.ts';
import { createSignIn, type SignIn } from './federation/sign-in.ts';
import type { Page, PageRequest } from './input.ts';
import { type ApiKeyView, createApiKeys } from './keys/api-keys.ts';
import { createKeyAuthentication } from './keys/key-authentication.ts';
import { type CreatedApiKey, createNewApiKeys, type NewApiKey } from './keys/new-api-key.ts';
import { type CreatedOperatorKey, createOperators, type Operator } from './operators/operators.ts';
import type { Authenticated } from './principal.ts';
import { createProvisioning, type Provisioning } from './provisioning/provisioning.ts';
import { authenticationRequired } from './refusals.ts';
import { type AskedFor, createAskedPrincipal } from './roles/asked-principal.ts';
import { createRoles, type Roles } from './roles/roles.ts';
import { createSecondFactors, type SecondFactors } from './second-factor/second-factors.ts';
import { createLiveSessions, type LiveSessions } from './sessions/live-sessions.ts';
import { createLogin, type LoginRequest } from './sessions/login.ts';
import type { Origin } from './sessions/origin.ts';
import { createSessionAuthentication } from './sessions/session-authentication.ts';
import { createSessions, type TokenPair } from './sessions/sessions.ts';
import { createTeams, type Teams } from './teams/teams.ts';
import { createOwnPassword, type OwnPassword } from './users/own-password.ts';
import type { UserChange, UserView } from './users/user-changes.ts';
import { createUsers, type NewUser } from './users/users.ts';

/** Users, their credentials, and the operators'. What each function throws stands where it is made. */
export interface Identity {
  readonly login: (request: LoginRequest) => Promise<TokenPair>;
  /** Exchanges a refresh token, which works once. */
  readonly refresh: (refreshToken: string, origin?: Origin) => Promise<TokenPair>;
  /** Ends the session that the request came with. */
  readonly logout: (ctx: RequestContext) => Promise<void>;
  readonly sessions: LiveSessions;
  /** Who an access token or API key belongs to. @throws {AppError} authentication_required, whatever the reason. */
  readonly authenticate: (credential: string) => Promise<Authenticated>;
  /**
   * Those of the callers whose credential, user and tenant still stand and who may still do all that they could when
   * they were let in. One statement, however many they are.
   */
  readonly stillStanding: (callers: readonly Authenticated[]) => Promise<ReadonlySet<Authenticated>>;
  /** Who an operator key belongs to. @throws {AppError} authentication_required, whatever the reason. */
  readonly authenticateOperator: (credential: string) => Promise<Operator>;
  readonly createOperatorKey: (name: string, actor: AuditActor) => Promise<CreatedOperatorKey>;
  readonly revokeOperatorKey: (id: string, actor: AuditActor) => Promise<void>;
  /** The identity provider of a tenant. */
  readonly provider: Providers;
  /** Signing in through it. */
  readonly signIn: SignIn;
  /** Read access of operators to a tenant; consents are the tenant's. */
  readonly breakGlass: BreakGlass;
  readonly breakGlassConsents: ReturnType<typeof createConsents>;
  readonly createUser: (acting: Acting, input: NewUser) => Promise<UserView>;
  readonly listUsers: (acting: Acting, page: PageRequest) => Promise<Page<UserView>>;
  readonly updateUser: (acting: Acting, id: string, change: UserChange) => Promise<UserView>;
  readonly changePassword: OwnPassword['change'];
  readonly secondFactors: SecondFactors;
  readonly teams: Teams;
  readonly roles: Roles;
  /** Somebody of the tenant as they would be let in now, to ask what they may do. */
  readonly askedPrincipal: (ctx: RequestContext, asked: AskedFor) => Promise<Principal>;
  readonly provisioning: Provisioning;
  /** The caller's own user. */
  readonly me: (ctx: RequestContext) => Promise<UserView>;
  readonly createApiKey: (acting: Acting, input: NewApiKey) => Promise<CreatedApiKey>;
  readonly listApiKeys: (acting: Acting, page: PageRequest) => Promise<Page<ApiKeyView>>;
  readonly revokeApiKey: (acting: Acting, id: string) => Promise<void>;
}

/** What identity needs. */
export interface IdentityOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly settings: Config['security'];
  /** Whether admins who sign in with a password must have a second factor; not where nobody signs in. */
  readonly isFactorRequiredOfAdmins?: boolean;
  /** What signing in through identity providers takes; not where nobody signs in. */
  readonly web?: {
    /** Address under which browsers reach this server. */
    readonly publicUrl: string;
    /** The way out of the house. */
    readonly fetch: Egress['fetch'];
  };
  /** Where failed logins are counted; in this process when left out. */
  readonly counters?: Pick<Counters, 'attempt' | 'forgive'>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Longer credentials are refused unread; an access token of ours has some 400 characters, those of others more. */
const credentialLengthMax = tokenLengthMax;

/** Nothing is reached from here, and nobody comes back. */
const nowhere: NonNullable<IdentityOptions['web']> = {
  publicUrl: 'http://localhost',
  fetch: () => Promise.reject(new AppError('dependency_unavailable')),
};

/** Makes identity. Throws when a secret of the settings is missing. */
export function createIdentity(options: IdentityOptions): Identity {
  const { database, vault, audit, settings, isFactorRequiredOfAdmins = false, web = nowhere, now = Date.now } = options;
  const { jwtSecretKey, apiKeyPepper, accessTokenTtlSeconds, refreshTokenTtlDays } = settings;
  if (jwtSecretKey === undefined || apiKeyPepper === undefined)
    throw new Error('Identity needs JWT_SECRET_KEY and API_KEY_PEPPER.');
  const stores = { database, vault, audit };
  const opaqueTokens = createOpaqueTokens(apiKeyPepper);
  const accessTokens = createAccessTokens({
    secret: jwtSecretKey,
    issuer: settings.tokenIssuer,
    ttlSeconds: accessTokenTtlSeconds,
    now,
  });
  const passwords = createPasswords({
    lengthMin: settings.passwordLengthMin,
    memoryKib: settings.passwordHashMemoryKib,
  });
  const sessions = createSessions({
    ...stores,
    opaqueTokens,
    accessTokens,
    accessTokenTtlSeconds,
    refreshTokenTtlDays,
    now,
  });
  const { counters = createMemoryCounters(() => now() * 1000) } = options;
  const failures = createLoginFailures(settings.loginFailuresMax, counters);
  const liveSessions = createLiveSessions({ ...stores, now });
  const ownPassword = createOwnPassword({ ...stores, passwords, failures, now });
  const users = createUsers({ ...stores, passwords, now });
  const apiKeys = createApiKeys({ ...stores, now });
  const ttlDaysDefault = settings.apiKeyTtlDaysDefault;
  const authenticateSession = createSessionAuthentication({ database, isFactorRequiredOfAdmins, now });
  const authenticateKey = createKeyAuthentication({ database, opaqueTokens, now });
  const authenticateBreakGlass = createBreakGlassAuthentication({ database, opaqueTokens, now });
  const operators = createOperators({ ...stores, opaqueTokens });
  const issuers = createIssuers({ fetch: web.fetch, now });
  const authenticateFederated = createFederatedTokens({ database, vault, issuers, now });

  return {
    login: createLogin({ ...stores, passwords, failures, sessions }),
    refresh: (refreshToken, origin = {}) => sessions.refresh(refreshToken, origin),
    logout: liveSessions.logout,
    sessions: liveSessions,
    async authenticate(credential) {
      if (credential.length > credentialLengthMax) throw authenticationRequired('The credential is too long.');
      if (credential.startsWith('sk-gen-')) return authenticateKey(credential);
      if (isSignedByKeyPair(credential)) return authenticateFederated(credential);
      if (credential.startsWith('bg-gen-')) return authenticateBreakGlass(credential);
      const claims = await accessTokens.verify(credential);
      if (claims === undefined) throw authenticationRequired('The access token is not valid.');
      return authenticateSession(claims);
    },
    stillStanding: createStillStanding({ database, now }),
    authenticateOperator: operators.authenticate,
    createOperatorKey: operators.createKey,
    revokeOperatorKey: operators.revokeKey,
    provider: createProviders({ ...stores, issuers, publicUrl: web.publicUrl, now }),
    signIn: createSignIn({ ...stores, issuers, sessions, opaqueTokens, publicUrl: web.publicUrl, now }),
    breakGlass: createBreakGlass({ ...stores, opaqueTokens, ...breakGlassLimits(settings), now }),
    breakGlassConsents: createConsents({ ...stores, now }),
    createUser: users.create,
    listUsers: users.list,
    updateUser: users.update,
    changePassword: ownPassword.change,
    secondFactors: createSecondFactors({ ...stores, ownPassword, isRequiredOfAdmins: isFactorRequiredOfAdmins, now }),
    teams: createTeams({ ...stores, now }),
    roles: createRoles({ ...stores, now }),
    askedPrincipal: createAskedPrincipal({ database, now }),
    provisioning: createProvisioning({ ...stores, now }),
    me: users.me,
    createApiKey: createNewApiKeys({ ...stores, opaqueTokens, ttlDaysDefault, now }),
    listApiKeys: apiKeys.list,
    revokeApiKey: apiKeys.revoke,
  };
}

function breakGlassLimits({ breakGlassMinutesMax, breakGlassConsentTiers }: Config['security']) {
  return {
    minutesMax: breakGlassMinutesMax,
    consentTiers: breakGlassConsentTiers.split(',').map((tier) => tier.trim()),
  };
}
