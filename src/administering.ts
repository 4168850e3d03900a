import { createSecretKey } from 'node:crypto';
import { type BindPassword, createBindDirectoryPassword } from './authenticators/password/bind.ts';
import { createBindTemporaryPass } from './authenticators/temporary-pass/bind.ts';
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import type { Organisation } from './core/organisation.ts';
import type { OutboundFetch } from './core/outbound.ts';
import type { Random } from './core/random.ts';
import { keyedDigest } from './crypto/digest.ts';
import type { Access } from './flow/access.ts';
import { createAdministration } from './flow/administration.ts';
import { createAlerts } from './flow/alerts.ts';
import type { Approvals } from './flow/approvals.ts';
import type { Audit } from './flow/audit.ts';
import { createCallerCheck } from './flow/caller-check.ts';
import { createCampaigns } from './flow/campaigns.ts';
import { type ClientRegistrationNeeds, createClientRegistration } from './flow/clients.ts';
import { createCohorts } from './flow/cohorts.ts';
import { createConsoleVisits } from './flow/console-visits.ts';
import { createCoverageReport } from './flow/coverage.ts';
import { createDirectory } from './flow/directory.ts';
import { createDirectorySync } from './flow/directory-sync.ts';
import type { EndEverything } from './flow/end-everything.ts';
import { createErasure } from './flow/erasure.ts';
import { createFirstSteps } from './flow/first-steps.ts';
import { createDecideLines } from './flow/import-lines.ts';
import { createImports } from './flow/imports.ts';
import { createMigration } from './flow/migration.ts';
import type { Notify } from './flow/notices.ts';
import { createOverview } from './flow/overview.ts';
import type { PasswordLinks } from './flow/password-links.ts';
import { createPeople } from './flow/people.ts';
import { createPolicyAdministration } from './flow/policy-administration.ts';
import { createResealing } from './flow/resealing.ts';
import { createSupport } from './flow/support.ts';
import { createSupportUndo } from './flow/support-undo.ts';
import { createWebhooks } from './flow/webhooks.ts';
import type { LdapDirectory } from './ldap/directory.ts';
import { apiResource } from './oidc/api-tokens.ts';
import { PORTAL_CLIENT_ID } from './oidc/portal-client.ts';
import { callerCheckText } from './phone-words.ts';
import type { Stores } from './stores.ts';

export interface AdministeringNeeds extends Stores, Pick<ClientRegistrationNeeds, 'checkMetadata'> {
  readonly config: Config;
  readonly organisation: Organisation;
  readonly access: Access;
  readonly approvals: Approvals;
  readonly bindPassword: BindPassword;
  readonly endEverything: EndEverything;
  readonly passwordLinks: PasswordLinks;
  readonly ldap: LdapDirectory | undefined;
  readonly outbound: OutboundFetch;
  readonly audit: Audit;
  readonly notify: Notify;
  readonly clock: Clock;
  readonly random: Random;
}

/** Everything that administrators and the helpdesk do, put together. */
export function openAdministering(n: AdministeringNeeds) {
  const { publicUrl } = n.config;
  const callerCheck = createCallerCheck({
    ...n,
    words: callerCheckText,
  });
  const bindDirectoryPassword = createBindDirectoryPassword(n.authenticators, n.random);
  const common = { ...n, publicUrl, callerCheck, bindDirectoryPassword };
  const support = createSupport({
    ...common,
    bindTemporaryPass: createBindTemporaryPass(n.temporaryPasses, n.random),
  });
  const administration = createAdministration(common);
  const people = createPeople(common);
  const { ldap } = n;
  const { syncMinutes: everyMinutes = 60, mostSuspendedPercent = 0 } = n.config.directory ?? {};
  const alertWatch = createAlerts({
    ...common,
    thresholds: n.config.alertThresholds,
    isLogOff: ['silent', 'fatal'].includes(n.config.logLevel),
  });
  const coverage = createCoverageReport(n);
  return {
    callerCheck,
    support,
    alertWatch,
    consoleVisits: createConsoleVisits({ ...n, support, alertWatch }),
    firstSteps: createFirstSteps({
      ...n,
      sendsMail: n.config.smtpUrl !== undefined,
    }),
    overview: createOverview({
      ...n,
      hasDirectory: ldap !== undefined,
      coverage,
      installation: {
        ...n.config,
        ownsItsTables: n.config.databaseUrl !== undefined && n.config.databaseOwnerUrl === undefined,
        mailsAreKept: n.config.smtpUrl === undefined,
      },
    }),
    administration,
    people,
    erasure: createErasure({ ...n, eraseAfterDays: n.config.eraseAfterDays }),
    directory: createDirectory({ ...n, source: 'scim', administration, people }),
    directorySync:
      ldap &&
      createDirectorySync({
        ...common,
        ...{ everyMinutes, mostSuspendedPercent, read: ldap.people },
        directory: createDirectory({ ...n, source: 'ldap', administration, people }),
      }),
    campaigning: createCampaigns(common),
    cohorts: createCohorts({ people }),
    migration: createMigration({ ...n, coverage }),
    importing: createImports({ ...n, decideLines: createDecideLines({ ...n, administration, people }) }),
    resealSecrets: createResealing(n).reseal,
    supportUndo: createSupportUndo(common),
    policyAdministration: createPolicyAdministration({ ...common, portalClientId: PORTAL_CLIENT_ID }),
    coverage,
    webhookCalls: createWebhooks({
      ...common,
      send: n.outbound,
      sign: (key, text) => keyedDigest(createSecretKey(key), text).toString('base64'),
    }),
    clientRegistration: createClientRegistration({ ...common, apiResource: apiResource(publicUrl) }),
  };
}
