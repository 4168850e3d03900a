import type { Logger } from 'pino';
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import type { Organisation } from './core/organisation.ts';
import type { OutboundFetch } from './core/outbound.ts';
import type { Random } from './core/random.ts';
import { createCookieSigner } from './crypto/cookie-signer.ts';
import type { SecretKey } from './crypto/secret-key.ts';
import type { Audit } from './flow/audit.ts';
import type { ClientApprovals } from './flow/client-approvals.ts';
import { createClientDoctor } from './flow/client-doctor.ts';
import type { Notify } from './flow/notices.ts';
import { createSigningKeyRotation, recordKeys } from './flow/signing-keys.ts';
import type { Brand } from './http/brand.ts';
import { createOidcPages } from './http/oidc-pages.ts';
import { rememberedCookieName } from './http/remembered-cookie.ts';
import type { Render } from './http/views.ts';
import { createCiba } from './oidc/ciba.ts';
import { createMakeCalls } from './oidc/client-calls.ts';
import { createClientFetch } from './oidc/client-fetch.ts';
import { createEntra } from './oidc/entra.ts';
import type { JudgeSession } from './oidc/interaction-policy.ts';
import { createLiveProvider, type LiveProvider } from './oidc/live-provider.ts';
import { createProbe } from './oidc/probe.ts';
import type { Signals } from './store/signals.ts';
import type { Stores } from './stores.ts';

export interface OpenidNeeds {
  readonly config: Config;
  readonly stores: Stores;
  readonly root: SecretKey;
  readonly cookieKeys: readonly string[];
  readonly signals: Signals;
  readonly organisation: Organisation;
  readonly brand: Brand;
  readonly render: Render;
  readonly judgeSession: JudgeSession;
  readonly clientApprovals: ClientApprovals;
  readonly audit: Audit;
  readonly notify: Notify;
  /** Hosts on the organisation's own network that may be called. */
  readonly clientHosts: readonly string[];
  readonly outbound: OutboundFetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Calls to web apps in a test that has certificates of its own. */
  readonly testFetch?: typeof fetch | undefined;
}

/** Everything of OpenID Connect, put together: the provider, approvals for web apps, the calls owed to them. */
export async function openOpenid(n: OpenidNeeds) {
  const { config, stores, root, signals, clock, audit, log } = n;
  const { publicUrl, isSecure } = config;
  const noteProblem = (problem: Parameters<typeof stores.clientProblems.note>[0]): void =>
    void stores.clientProblems
      .note(problem, clock.now())
      .catch((fault: unknown) => log.warn({ err: fault }, 'could not note what went wrong for a web app'));
  const live: { provider?: LiveProvider } = {};
  const current = () => live.provider!.current();

  const ciba = createCiba({ ...stores, current, approvals: n.clientApprovals, clock });
  const openid = await createLiveProvider({
    ...stores,
    publicUrl,
    isSecure,
    cookieSigner: createCookieSigner(n.cookieKeys),
    dpopNonceSecret: root.derive('dpop nonces').export(),
    pairwiseKey: root.derive('pairwise subjects'),
    sessions: stores.opSessions,
    pages: createOidcPages(n.render, { ...n, accessibilityUrl: config.accessibilityUrl }),
    judgeSession: n.judgeSession,
    rememberedCookie: rememberedCookieName(isSecure),
    hasClientCertificates: config.clientCertHeader !== undefined,
    ciba: ciba.feature,
    settleApproval: ciba.settle,
    fetch: createClientFetch(n.clientHosts, n.testFetch),
    oweCall: (call) => stores.clientCalls.add(call, clock.now()),
    signingKeys: stores.signingKeyStore,
    signals,
    clock,
    audit,
    onKeysMade: (kids) => recordKeys(audit, kids),
    onFault: (error) => log.error({ err: error }, 'could not read the signing keys'),
    onError: (error, request) => {
      log.warn({ err: error, detail: error.error_detail, ...request }, 'OpenID Connect request refused');
      noteProblem({ ...request, error: error.error ?? error.name, detail: detailOf(error) });
    },
  });
  live.provider = openid;

  const makeCalls = createMakeCalls({
    current,
    calls: stores.clientCalls,
    payloads: stores.payloads,
    audit,
    clock,
    onFailure: (clientId, kind, error) => {
      const detail = (error.cause as Error | undefined)?.message ?? error.message;
      log.warn({ err: error, client: clientId, kind }, 'a web app could not be told; it will be tried again');
      noteProblem({ clientId, route: kind, error: 'unreachable', detail, reference: '', redirectUri: undefined });
    },
  });

  const keyRotation = createSigningKeyRotation({ ...stores, ...config, audit, clock });
  const clientDoctor = createClientDoctor({
    ...stores,
    checkMetadata: openid.check,
    probe: createProbe(n.outbound),
    clock,
    publicUrl,
  });
  const entra = createEntra({
    ...stores,
    publicUrl,
    isSecure,
    publishedKeys: openid.keys,
    fetch: n.testFetch ?? fetch,
    audit,
    notify: n.notify,
    clock,
    random: n.random,
  });

  return { openid, clientDoctor, entra, ciba, makeCalls, keyRotation };
}

const detailOf = (error: { error_description?: string; error_detail?: string; message: string }): string =>
  [error.error_description, error.error_detail].filter(Boolean).join(': ') || error.message;
