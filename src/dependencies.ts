import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { openAdministering } from './administering.ts';
import { openAuditing } from './auditing.ts';
import { createBindPassword } from './authenticators/password/bind.ts';
import { createVerifyPassword } from './authenticators/password/verify.ts';
import { createBindPush } from './authenticators/push/bind.ts';
import { createDeliverPush } from './authenticators/push/deliver.ts';
import type { EndpointRules } from './authenticators/push/endpoint.ts';
import { createPushGate } from './authenticators/push/gate.ts';
import { createVerifyProof } from './authenticators/push/proof.ts';
import { createVerifyAnswer } from './authenticators/push/verify.ts';
import { createVerifyTransfer } from './authenticators/push/verify-transfer.ts';
import { createVerifyRecoveryCode } from './authenticators/recovery-code/verify.ts';
import { makeAppKey, openAppKey } from './authenticators/store-app/key.ts';
import { createVerifyTemporaryPass } from './authenticators/temporary-pass/verify.ts';
import { createBindTotp } from './authenticators/totp/bind.ts';
import { createBindWebauthn } from './authenticators/webauthn/bind.ts';
import { createWebauthnChallenges } from './authenticators/webauthn/challenge.ts';
import type { WebauthnParty } from './authenticators/webauthn/relying-party.ts';
import { createVerifyWebauthn } from './authenticators/webauthn/verify.ts';
import type { Config } from './config/load.ts';
import { ACR_MFA } from './core/assurance.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { type Random, systemRandom } from './core/random.ts';
import { digest } from './crypto/digest.ts';
import { createPasswordHasher } from './crypto/password-hash.ts';
import { createAccess } from './flow/access.ts';
import { createTakeAnswer } from './flow/answers.ts';
import { createApiCallers } from './flow/api-callers.ts';
import { createApprovals } from './flow/approvals.ts';
import { createBinding } from './flow/binding.ts';
import { createCodeBinding } from './flow/binding-code.ts';
import { createKeyBinding } from './flow/binding-key.ts';
import { createAnnounceBound } from './flow/bound.ts';
import { createClientApprovals } from './flow/client-approvals.ts';
import { createCompanion } from './flow/companion.ts';
import { createEndBegun, createEndEverything } from './flow/end-everything.ts';
import { createGuessing } from './flow/guessing.ts';
import { createMyAccount } from './flow/my-account.ts';
import { createPasswordLinks } from './flow/password-links.ts';
import { createReports } from './flow/reports.ts';
import { createSecondFactor } from './flow/second-factor.ts';
import { createSignIn } from './flow/sign-in.ts';
import { createSignInEnd } from './flow/sign-in-end.ts';
import { createStoreApp } from './flow/store-app.ts';
import { createTransfers } from './flow/transfer.ts';
import { createWaiting } from './flow/waiting.ts';
import { createRender } from './http/views.ts';
import { openDirectory } from './ldap/directory.ts';
import { openNotices } from './notices.ts';
import { createApiTokens } from './oidc/api-tokens.ts';
import type { JudgeSession } from './oidc/interaction-policy.ts';
import { INTERACTION_SECONDS } from './oidc/lifetimes.ts';
import { PORTAL_CLIENT_ID } from './oidc/portal-client.ts';
import { openOpenid } from './openid.ts';
import { openOrganisation } from './organisation.ts';
import { createOutboundFetch } from './outbound.ts';
import { pushText, storeAppWords } from './phone-words.ts';
import { openPlaces } from './places.ts';
import { openSecrets, vapidKeys } from './secrets.ts';
import { openDatabase } from './store/database.ts';
import { openSignals } from './store/signals.ts';
import { openStores } from './stores.ts';

export interface DependencyOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  /** As the owner of the tables, where there is one: for the retention of the audit log. */
  readonly ownerUrl?: string | undefined;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** An origin that push messages may go to in a test, plain http too. Never a setting. */
  readonly testPushOrigin?: string;
  /** How web apps are called in a test that has certificates of its own. */
  readonly testFetch?: typeof fetch;
  /** How many passwords are hashed at once; by default one less than there are cores. */
  readonly hashWorkers?: number;
}

export type Dependencies = Awaited<ReturnType<typeof createDependencies>>;

/** The one file that knows everybody: what is made from what. */
export async function createDependencies(options: DependencyOptions) {
  const { config, databaseUrl, log, clock = systemClock, random = systemRandom } = options;
  const { publicUrl } = config;

  const database = openDatabase(databaseUrl, config.databasePool);
  const secrets = await openSecrets(config.secretKeys, database, random);
  const { root, settings, cookieKeysFor } = secrets;
  // Several processes share the cores.
  const share = config.workers > 1 ? Math.max(1, Math.floor(availableParallelism() / config.workers)) : undefined;
  const hasher = createPasswordHasher(root, options.hashWorkers ?? share);
  const stores = { settings, ...openStores(database, secrets.sealer, root, secrets.auditKey, random) };
  const signals = await openSignals(databaseUrl, (error) =>
    log.warn({ err: error }, 'lost the database; listening again soon'),
  );
  signals.on('policy', stores.policies.forget);

  const metrics = config.metrics
    ? (await import('./observing.ts')).openMetrics({ database, stores, hasher, clock, log })
    : undefined;
  const ownerUrl = options.ownerUrl ?? databaseUrl;
  const auditing = await openAuditing({ config, stores, ownerUrl, clock, log, metrics });
  const { audit } = auditing;
  const look = await openOrganisation({ ...stores, config, signals, audit, clock, log });
  const { organisation, brand } = look;
  const vapid = await vapidKeys(settings, audit);
  const endpointRules: EndpointRules = { extraHosts: config.pushHosts, testOrigin: options.testPushOrigin };

  const party: WebauthnParty = {
    rpID: new URL(publicUrl).hostname,
    organisation,
    origin: publicUrl,
    allowedAaguids: config.allowedAaguids,
  };
  const ldap = config.directory && openDirectory(config.directory, clock, random);
  const bindPassword = createBindPassword(stores.authenticators, hasher, random);
  const verifyWebauthn = createVerifyWebauthn(stores.webauthnStore, party);
  const keys = createWebauthnChallenges(stores.webauthnStore, party);

  const mail = openNotices({ ...stores, audit, config, organisation, clock, random, log });
  const { notify } = mail;

  const places = await openPlaces(config.geoipFile, (err) => log.warn({ err }, 'GEOIP_FILE cannot be read'));
  const endBegun = createEndBegun({ ...stores, clock });
  const endEverything = createEndEverything({ ...stores, endBegun, clock });
  const common = { ...stores, endBegun, endEverything, organisation, audit, notify, clock, random };
  const approvals = createApprovals({
    ...common,
    publicUrl,
    numberLength: config.numberLength,
    deliver: createDeliverPush(vapid, config.pushContact, publicUrl, endpointRules, clock),
    placeOf: places,
    pushText,
  });
  const guessing = createGuessing(common);
  const announceBound = createAnnounceBound({ ...common, guessing });
  const binding = createBinding({ ...common, approvals, announceBound, publicUrl });
  const codeBinding = createCodeBinding({ ...common, announceBound, bindTotp: createBindTotp(random) });
  const keyBinding = createKeyBinding({
    ...common,
    keys,
    announceBound,
    verifyWebauthn,
    bindWebauthn: createBindWebauthn(stores.authenticators, stores.webauthnStore, party, random),
  });
  const access = createAccess({ ...common, portal: { clientId: PORTAL_CLIENT_ID, requires: ACR_MFA } });
  const judgeSession: JudgeSession = async ({ accountId, signer: known, loginTs, ...question }) => {
    const signer = known?.account.id === accountId ? known : await stores.signers.byId(accountId);
    return signer?.account.status === 'active' ? access.judgeSession({ ...signer, ...question }, loginTs) : undefined;
  };
  const signIn = createSignIn({
    ...common,
    access,
    approvals,
    binding,
    verifyPassword: createVerifyPassword(stores.authenticators, hasher, ldap?.check),
    isBusy: hasher.isFull,
    ttlSeconds: INTERACTION_SECONDS,
  });
  const signInEnd = createSignInEnd({ ...common, placeOf: places });
  const secondFactor = createSecondFactor({
    ...common,
    guessing,
    keys,
    verifyWebauthn,
    verifyRecoveryCode: createVerifyRecoveryCode(stores.recoveryCodes),
    verifyTemporaryPass: createVerifyTemporaryPass(stores.temporaryPasses),
  });
  const gate = createPushGate(publicUrl, organisation);
  const verifyProof = createVerifyProof(stores.usedProofs, publicUrl);
  const companion = createCompanion({
    ...common,
    endpointRules,
    gate,
    bindPush: createBindPush(stores.authenticators, random),
    verifyProof,
  });
  const reports = createReports(common);
  const clientApprovals = createClientApprovals({ ...common, access, approvals });
  const render = createRender(join(import.meta.dirname, '../views'), config.viewsDir);
  const clientHosts = hostsThatMayBeCalled(config);
  const outbound = createOutboundFetch(clientHosts, options.testFetch);
  const { openid, clientDoctor, entra, ciba, makeCalls, keyRotation } = await openOpenid({
    ...options,
    ...{
      stores,
      root,
      signals,
      organisation,
      brand,
      render,
      judgeSession,
      clientApprovals,
      audit,
      notify,
      clock,
      random,
    },
    ...{ clientHosts, outbound, cookieKeys: cookieKeysFor('cookies') },
  });
  const takeAnswer = createTakeAnswer({
    ...common,
    gate,
    reports,
    verifyAnswer: createVerifyAnswer(publicUrl),
    async tellWebApp(challenge) {
      const requestId = await clientApprovals.requestOf(challenge);
      if (requestId) await ciba.settle(requestId);
    },
  });
  const transfers = createTransfers({ ...common, gate, publicUrl, verifyTransfer: createVerifyTransfer(publicUrl) });
  const storeApp = createStoreApp({
    ...common,
    approvals,
    announceBound,
    publicUrl,
    key: () => stores.settings.secret('store app key', makeAppKey).then(openAppKey),
    words: storeAppWords,
  });
  const passwordLinks = createPasswordLinks({ ...common, bindPassword, publicUrl });
  const administering = openAdministering({
    ...common,
    ...{ config, access, approvals, bindPassword, passwordLinks, outbound, ldap },
    checkMetadata: openid.check,
  });
  const apiTokens = createApiTokens(openid.current, publicUrl);
  const apiCallers = createApiCallers({
    ...common,
    ...config,
    readToken: apiTokens.read,
    verifyProof,
    digest: (value) => digest(value).toString('base64url'),
  });
  const waiting = createWaiting({ ...common, signals });
  const myAccount = createMyAccount(common);

  return {
    config,
    ownerUrl,
    log,
    metrics,
    clock,
    random,
    cookieKeysFor,
    database,
    vapid,
    deliverMails: mail.deliverMails,
    openid,
    clientDoctor,
    entra,
    makeCalls,
    keyRotation,
    ...look,
    render,
    signals,
    ...stores,
    ...auditing,
    approvals,
    access,
    judgeSession,
    signIn,
    signInEnd,
    secondFactor,
    binding,
    codeBinding,
    keyBinding,
    companion,
    transfers,
    takeAnswer,
    placeOf: places,
    reports,
    storeApp,
    passwordLinks,
    ...administering,
    apiCallers,
    waiting,
    myAccount,
    /** Waits for what is on its way, then lets go of the database. */
    async close(): Promise<void> {
      await approvals.settled();
      await passwordLinks.settled();
      await mail.close();
      openid.close();
      await signals.close();
      await database.close();
    },
  };
}

/** Those that the operator listed; on a trial on one machine that machine too, because its web apps are there. */
function hostsThatMayBeCalled({ clientHosts, publicUrl, isSecure }: Config): string[] {
  return isSecure ? [...clientHosts] : [...clientHosts, new URL(publicUrl).hostname, 'localhost', '127.0.0.1', '[::1]'];
}
