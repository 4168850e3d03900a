import type { KeyObject } from 'node:crypto';
import type { Random } from './core/random.ts';
import type { Sealer } from './crypto/seal.ts';
import type { SecretKey } from './crypto/secret-key.ts';
import { createAccounts } from './store/accounts.ts';
import { createAlerts } from './store/alerts.ts';
import { createAuditStore, createEventOf } from './store/audit.ts';
import { createAuditChain } from './store/audit-chain.ts';
import { createAuthenticators } from './store/authenticators.ts';
import { createBindingSessions } from './store/binding-sessions.ts';
import { createCallCounts } from './store/call-counts.ts';
import { createCampaigns } from './store/campaigns.ts';
import { createChallenges } from './store/challenges.ts';
import { createClientCalls } from './store/client-calls.ts';
import { createClientProblems } from './store/client-problems.ts';
import { createClients } from './store/clients.ts';
import { createCoverageStore } from './store/coverage.ts';
import type { Database } from './store/database.ts';
import { createDirectoryGroups } from './store/directory-groups.ts';
import { createDirectorySyncs } from './store/directory-syncs.ts';
import { createEntraAccounts } from './store/entra-accounts.ts';
import { createErasureStore } from './store/erasure.ts';
import { createIdempotentCalls } from './store/idempotent-calls.ts';
import { createImports } from './store/imports.ts';
import { createInvitations } from './store/invitations.ts';
import { createKnownPlaces } from './store/known-places.ts';
import { createLoginTransactions } from './store/login-transactions.ts';
import { createMailLinks } from './store/mail-links.ts';
import { createMails } from './store/mails.ts';
import { createOidcPayloads } from './store/oidc-payloads.ts';
import { createOpSessions } from './store/op-sessions.ts';
import { createOrganisationStore } from './store/organisation.ts';
import { createPolicies } from './store/policies.ts';
import { createPortalSessions } from './store/portal-sessions.ts';
import { createPushSubscriptions } from './store/push-subscriptions.ts';
import { createQueues } from './store/queues.ts';
import { createRecoveryCodes } from './store/recovery-codes.ts';
import { createRememberedBrowsers } from './store/remembered-browsers.ts';
import { createResealing } from './store/resealing.ts';
import { createSigners } from './store/signers.ts';
import { createSigningKeys } from './store/signing-keys.ts';
import { createSupportCases } from './store/support-cases.ts';
import { createTemporaryPasses } from './store/temporary-passes.ts';
import { createThrottle } from './store/throttle.ts';
import { createUsedProofs } from './store/used-proofs.ts';
import { createWebauthnStore } from './store/webauthn.ts';
import { createWebhooks } from './store/webhooks.ts';

export type Stores = ReturnType<typeof openStores>;

/** Everything that is kept, on one database. */
export const openStores = (
  database: Database,
  sealer: Sealer,
  root: SecretKey,
  auditKey: KeyObject,
  random: Random,
) => {
  const eventOf = createEventOf(auditKey, random);
  return {
    accounts: createAccounts(database),
    alerts: createAlerts(database, random),
    auditChain: createAuditChain(database, auditKey),
    auditStore: createAuditStore(database, eventOf),
    authenticators: createAuthenticators(database, sealer),
    bindings: createBindingSessions(database, sealer),
    callCounts: createCallCounts(database),
    campaigns: createCampaigns(database),
    challenges: createChallenges(database, sealer),
    clientCalls: createClientCalls(database, sealer),
    clientProblems: createClientProblems(database),
    clients: createClients(database),
    coverageStore: createCoverageStore(database),
    directoryGroups: createDirectoryGroups(database),
    directorySyncs: createDirectorySyncs(database),
    entraAccounts: createEntraAccounts(database),
    idempotentCalls: createIdempotentCalls(database, sealer),
    erasureStore: createErasureStore(database, eventOf),
    imports: createImports(database),
    invitations: createInvitations(database),
    mailLinks: createMailLinks(database),
    mails: createMails(database, sealer),
    opSessions: createOpSessions(database),
    payloads: createOidcPayloads(database, sealer, eventOf),
    signers: createSigners(database, sealer),
    organisationStore: createOrganisationStore(database),
    policies: createPolicies(database),
    rememberedBrowsers: createRememberedBrowsers(database),
    portalSessions: createPortalSessions(database),
    queues: createQueues(database),
    recoveryCodes: createRecoveryCodes(database),
    resealing: createResealing(database, sealer),
    signingKeyStore: createSigningKeys(database, sealer),
    subscriptions: createPushSubscriptions(database, sealer),
    supportCases: createSupportCases(database),
    temporaryPasses: createTemporaryPasses(database),
    throttle: createThrottle(database, root),
    transactions: createLoginTransactions(database, eventOf, createKnownPlaces(root)),
    usedProofs: createUsedProofs(database),
    webauthnStore: createWebauthnStore(database, root, random),
    webhooks: createWebhooks(database, sealer, random),
  };
};
