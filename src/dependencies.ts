import { join } from 'node:path';
import type { Logger } from 'pino';
import { createBindPassword } from './authenticators/password/bind.ts';
import { createVerifyPassword } from './authenticators/password/verify.ts';
import { createBindPush } from './authenticators/push/bind.ts';
import { createDeliverPush, makeVapidKeys, type VapidKeys } from './authenticators/push/deliver.ts';
import type { EndpointRules } from './authenticators/push/endpoint.ts';
import { createPushGate } from './authenticators/push/gate.ts';
import { createVerifyProof } from './authenticators/push/proof.ts';
import { createVerifyAnswer } from './authenticators/push/verify.ts';
import { createBindRecoveryCodes } from './authenticators/recovery-code/bind.ts';
import { createVerifyRecoveryCode } from './authenticators/recovery-code/verify.ts';
import type { Config } from './config/load.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { type Random, systemRandom } from './core/random.ts';
import { createPasswordHasher } from './crypto/password-hash.ts';
import { createSealer } from './crypto/seal.ts';
import { secretKey } from './crypto/secret-key.ts';
import { createAdministration } from './flow/administration.ts';
import { createTakeAnswer } from './flow/answers.ts';
import { createApprovals } from './flow/approvals.ts';
import { createAudit } from './flow/audit.ts';
import { createBinding } from './flow/binding.ts';
import { createClientRegistration } from './flow/clients.ts';
import { createCompanion } from './flow/companion.ts';
import { createMyAccount } from './flow/my-account.ts';
import type { Notify } from './flow/notices.ts';
import { createSignIn } from './flow/sign-in.ts';
import { createWaiting } from './flow/waiting.ts';
import { DEFAULT_LOCALE, translator } from './i18n/translate.ts';
import { createMailer } from './mail/mailer.ts';
import { mailFor } from './mail/notices.ts';
import { INTERACTION_SECONDS } from './oidc/provider.ts';
import { openPlaces } from './places.ts';
import { createAccounts } from './store/accounts.ts';
import { createAuditStore } from './store/audit.ts';
import { createAuthenticators } from './store/authenticators.ts';
import { createBindingSessions } from './store/binding-sessions.ts';
import { createChallenges } from './store/challenges.ts';
import { createClients } from './store/clients.ts';
import { openDatabase } from './store/database.ts';
import { createInvitations } from './store/invitations.ts';
import { createLoginTransactions } from './store/login-transactions.ts';
import { createOidcPayloads } from './store/oidc-payloads.ts';
import { createOpSessions } from './store/op-sessions.ts';
import { createPortalSessions } from './store/portal-sessions.ts';
import { createPushSubscriptions } from './store/push-subscriptions.ts';
import { createRecoveryCodes } from './store/recovery-codes.ts';
import { createKeptSettings } from './store/settings.ts';
import { openSignals } from './store/signals.ts';
import { createSigningKeys } from './store/signing-keys.ts';
import { createThrottle } from './store/throttle.ts';
import { createUsedProofs } from './store/used-proofs.ts';

export interface DependencyOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** An origin that push messages may go to in a test, plain http too. Never a setting. */
  readonly testPushOrigin?: string;
  /** How many passwords are hashed at once; by default one less than there are cores. */
  readonly hashWorkers?: number;
}

export type Dependencies = Awaited<ReturnType<typeof createDependencies>>;

/** The one file that knows everybody: what is made from what. */
export async function createDependencies(options: DependencyOptions) {
  const { config, databaseUrl, log, clock = systemClock, random = systemRandom } = options;
  const { publicUrl, organisation, numberLength } = config;

  const secret = secretKey(config.secretKey);
  const sealer = createSealer(secret);
  const hasher = createPasswordHasher(secret, options.hashWorkers);

  const database = openDatabase(databaseUrl, config.databasePool);
  const settings = createKeptSettings(database, sealer);
  await settings.checkKey();
  const accounts = createAccounts(database);
  const authenticators = createAuthenticators(database, sealer);
  const auditStore = createAuditStore(database);
  const bindings = createBindingSessions(database, sealer);
  const challenges = createChallenges(database, sealer);
  const clients = createClients(database);
  const invitations = createInvitations(database);
  const opSessions = createOpSessions(database);
  const payloads = createOidcPayloads(database);
  const portalSessions = createPortalSessions(database);
  const recoveryCodes = createRecoveryCodes(database);
  const subscriptions = createPushSubscriptions(database, sealer);
  const throttle = createThrottle(database, secret);
  const transactions = createLoginTransactions(database);
  const usedProofs = createUsedProofs(database);
  const signals = await openSignals(databaseUrl, (error) =>
    log.warn({ err: error }, 'lost the database; listening again soon'),
  );

  const { keys: signingKeys, made } = await createSigningKeys(database, sealer).all(clock.now());
  const vapid = JSON.parse(
    await settings.secret('vapid keys', async () => {
      made.push('vapid');
      return JSON.stringify(makeVapidKeys());
    }),
  ) as VapidKeys;
  const endpointRules: EndpointRules = { extraHosts: config.pushHosts, testOrigin: options.testPushOrigin };

  const bindPassword = createBindPassword(authenticators, hasher, random);
  const bindRecoveryCodes = createBindRecoveryCodes(recoveryCodes, random);

  const audit = createAudit(auditStore, clock);
  for (const kid of made) {
    await audit({ action: 'key.made', object: `key:${kid}`, result: 'success', origin: 'system', actor: 'system' });
  }
  const sendMail = createMailer(config.smtpUrl, config.mailFrom, join(config.dataDir, 'outbox'), random.uuid);
  const mails = new Set<Promise<void>>();
  const notify: Notify = (to, notice) => {
    const addresses = new Set([to.email, to.notifyEmail].filter((address) => address !== null));
    for (const address of addresses) {
      const mail = mailFor(
        { displayName: to.displayName, address, locale: to.locale ?? DEFAULT_LOCALE },
        notice,
        organisation,
      );
      const sending: Promise<void> = sendMail(mail)
        .then(() =>
          log.info(
            { notice: notice.kind, account: to.id },
            config.smtpUrl ? 'mail sent' : 'mail written to the outbox',
          ),
        )
        .catch((error: unknown) =>
          log.error({ err: error, notice: notice.kind, account: to.id }, 'mail could not be sent'),
        )
        .finally(() => mails.delete(sending));
      mails.add(sending);
    }
  };

  const places = await openPlaces(config.geoipFile);
  const approvals = createApprovals({
    authenticators,
    challenges,
    clients,
    subscriptions,
    audit,
    notify,
    clock,
    random,
    publicUrl,
    organisation,
    numberLength,
    deliver: createDeliverPush(vapid, config.pushContact, publicUrl, endpointRules, clock),
    placeOf: places,
    pushText: ({ locale }) => {
      const t = translator(locale ?? DEFAULT_LOCALE);
      return { title: t('push.title'), body: t('push.body') };
    },
  });
  const signIn = createSignIn({
    accounts,
    authenticators,
    challenges,
    clients,
    recoveryCodes,
    throttle,
    transactions,
    approvals,
    audit,
    notify,
    clock,
    verifyPassword: createVerifyPassword(authenticators, hasher),
    verifyRecoveryCode: createVerifyRecoveryCode(recoveryCodes),
    ttlSeconds: INTERACTION_SECONDS,
  });
  const binding = createBinding({
    accounts,
    authenticators,
    bindings,
    challenges,
    transactions,
    approvals,
    bindRecoveryCodes,
    audit,
    notify,
    clock,
    random,
    publicUrl,
  });
  const gate = createPushGate(publicUrl, organisation);
  const companion = createCompanion({
    accounts,
    authenticators,
    bindings,
    challenges,
    subscriptions,
    endpointRules,
    gate,
    audit,
    clock,
    bindPush: createBindPush(authenticators, random),
    verifyProof: createVerifyProof(usedProofs, publicUrl),
  });
  const takeAnswer = createTakeAnswer({
    accounts,
    authenticators,
    bindings,
    challenges,
    opSessions,
    transactions,
    gate,
    audit,
    notify,
    clock,
    verifyAnswer: createVerifyAnswer(publicUrl),
  });
  const administration = createAdministration({
    accounts,
    authenticators,
    bindings,
    invitations,
    opSessions,
    throttle,
    transactions,
    bindPassword,
    audit,
    clock,
    random,
    organisation,
  });
  const clientRegistration = createClientRegistration({ clients, audit, clock, random });
  const waiting = createWaiting({ signals, challenges, bindings, clock });
  const myAccount = createMyAccount({ accounts, authenticators, recoveryCodes });

  return {
    config,
    log,
    clock,
    random,
    secret,
    database,
    vapid,
    signingKeys,
    signals,
    accounts,
    authenticators,
    auditStore,
    clients,
    opSessions,
    payloads,
    portalSessions,
    audit,
    approvals,
    signIn,
    binding,
    companion,
    takeAnswer,
    administration,
    clientRegistration,
    waiting,
    myAccount,
    /** Waits for what is on its way, then lets go of the database. */
    async close(): Promise<void> {
      await approvals.settled();
      await Promise.all(mails);
      await signals.close();
      await database.close();
    },
  };
}
