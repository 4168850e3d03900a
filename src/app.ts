import { maxHeaderSize } from 'node:http';
import { join } from 'node:path';
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import fastifyStatic from '@fastify/static';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import packageJson from '../package.json' with { type: 'json' };
import { checkUp } from './checkup.ts';
import type { CheckupPart } from './core/checkup.ts';
import { requestId } from './core/random.ts';
import type { Dependencies } from './dependencies.ts';
import { allEndpoints } from './http/api/endpoints.ts';
import { api } from './http/api/plugin.ts';
import { createCompleting } from './http/completing.ts';
import { consolePages } from './http/console/pages.ts';
import { createEventStreams } from './http/event-stream.ts';
import { createGuards } from './http/guards.ts';
import { bodyTime, FILE_SECONDS } from './http/plugins/body-time.ts';
import { errors, readableUrl } from './http/plugins/errors.ts';
import { forms } from './http/plugins/forms.ts';
import { guards } from './http/plugins/guards.ts';
import { measured } from './http/plugins/measured.ts';
import { pages } from './http/plugins/page.ts';
import { person } from './http/plugins/person.ts';
import { securityHeaders } from './http/plugins/security-headers.ts';
import { createPortalSessionStore, PORTAL_IDLE_SECONDS } from './http/portal-session.ts';
import { accountRoutes } from './http/routes/account.ts';
import { accountActivityRoutes } from './http/routes/account-activity.ts';
import { brandRoutes } from './http/routes/brand.ts';
import { companionApiRoutes } from './http/routes/companion-api.ts';
import { companionAppRoutes } from './http/routes/companion-app.ts';
import { cspReportRoutes } from './http/routes/csp-reports.ts';
import { entraRoutes } from './http/routes/entra.ts';
import { guideRoutes } from './http/routes/guide.ts';
import { healthRoutes } from './http/routes/health.ts';
import { homeRoutes } from './http/routes/home.ts';
import { mailLinkRoutes } from './http/routes/mail-links.ts';
import { oidcPostRoutes } from './http/routes/oidc-posts.ts';
import { createShowWay, secondFactorRoutes } from './http/routes/second-factor.ts';
import { setupRoutes } from './http/routes/setup.ts';
import { signInRoutes } from './http/routes/sign-in.ts';
import { storeAppRoutes } from './http/routes/store-app-api.ts';
import { wizardRoutes } from './http/routes/wizard.ts';
import { otherWizardRoutes } from './http/routes/wizard-other.ts';
import { storeAppWizardRoutes } from './http/routes/wizard-store-app.ts';
import { scim } from './http/scim/plugin.ts';
import { createServers } from './http/servers.ts';
import { translator } from './i18n/translate.ts';
import { nameSpan } from './observe/trace.ts';
import { API_PATH } from './oidc/api-tokens.ts';
import { createInteractions } from './oidc/interactions.ts';
import { mountProvider } from './oidc/mount.ts';
import { createPortalSignIn } from './oidc/portal-sign-in.ts';
import { shownSettings } from './settings-shown.ts';

const ROOT = join(import.meta.dirname, '..');
const LARGEST_BODY = 32 * 1024;

/** The whole server: every plugin and route, in the order in which they run. It never listens. */
export async function createApp(d: Dependencies, servers = createServers()): Promise<FastifyInstance> {
  const { config } = d;
  const { publicUrl, isSecure, accessibilityUrl } = config;
  const { organisation } = d;
  const publicDir = join(ROOT, 'public');

  const interactions = createInteractions({ ...d, current: d.openid.current });
  const portal = createPortalSignIn(d.openid.current, publicUrl);

  const app = Fastify({
    loggerInstance: d.log as FastifyBaseLogger,
    genReqId: () => requestId(d.random),
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    bodyLimit: LARGEST_BODY,
    rewriteUrl: readableUrl,
    // What is too long for an id is not there, as any other that is none.
    routerOptions: { maxParamLength: maxHeaderSize },
    // Of the whole request; the plugin below keeps bodies to less where they are no files.
    requestTimeout: (FILE_SECONDS + 30) * 1000,
    serverFactory: servers.make,
    forceCloseConnections: 'idle',
    // What a proxy has sent already is answered, while it stops; new connections are refused, and go to another instance.
    return503OnClosing: false,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  const bindingCookie = { name: isSecure ? '__Host-binding' : 'binding', isSecure };
  const { signIn, secondFactor, binding, companion, approvals, waiting, administration, myAccount, random } = d;

  await app.register(bodyTime, {});
  await app.register(measured, { began: nameSpan, answered: d.metrics?.answered });
  await app.register(cookie, { secret: d.cookieKeysFor('cookies') });
  await app.register(securityHeaders, { isSecure });
  await app.register(person, { isSecure, timeZone: config.timeZone });
  await app.register(pages, { render: d.render, organisation, accessibilityUrl, brand: d.brand });
  await app.register(errors);
  await app.register(guards, {
    guards: createGuards({
      interactions,
      signIn,
      binding,
      companion,
      myAccount,
      clock: d.clock,
      bindingCookie: bindingCookie.name,
      consoleVisits: d.consoleVisits,
      callers: d.apiCallers,
      adminAcr: config.adminAcr,
    }),
  });
  await app.register(forms, { publicUrl, isSecure });
  await app.register(fastifyStatic, { root: publicDir, serve: false, cacheControl: false });
  const streams = createEventStreams(app);
  d.metrics?.watch({ name: 'dubbelslot_event_streams', help: 'Pages that wait for an event.' }, streams.count);

  await app.register(healthRoutes, {
    isReady: () =>
      d.database.sql`SELECT 1`.then(
        () => true,
        () => false,
      ),
  });
  await app.register(cspReportRoutes, { clock: d.clock });
  await app.register(mountProvider, {
    current: d.openid.current,
    publicUrl,
    clientCertificates: { header: config.clientCertHeader, proxies: config.trustProxy },
  });
  await app.register(oidcPostRoutes);
  await app.register(entraRoutes, { entra: d.entra, isSecure, organisation });
  await app.register(homeRoutes, { publicDir });
  await app.register(brandRoutes, { brand: d.brand });
  await app.register(guideRoutes, { publicDir, publicUrl, version: packageJson.version, clock: d.clock });
  await app.register(setupRoutes, { administration });
  const completing = createCompleting({ interactions, signInEnd: d.signInEnd, bindingCookie });
  const secondFactorNeeds = { signIn, secondFactor, approvals, waiting, streams, organisation, isSecure };
  await app.register(signInRoutes, {
    interactions,
    signIn,
    signInEnd: d.signInEnd,
    secondFactor,
    passwordLinks: d.passwordLinks,
    isSecure,
    showWay: createShowWay(secondFactorNeeds).show,
    organisation,
    bindingCookie,
    completing,
  });
  await app.register(secondFactorRoutes, { ...secondFactorNeeds, completing });
  await app.register(wizardRoutes, { approvals, binding, signIn, waiting, streams, publicUrl, clock: d.clock });
  await app.register(otherWizardRoutes, { codeBinding: d.codeBinding, keyBinding: d.keyBinding });
  await app.register(storeAppWizardRoutes, { approvals, binding, storeApp: d.storeApp });
  await app.register(storeAppRoutes, { storeApp: d.storeApp });
  await app.register(mailLinkRoutes, {
    passwordLinks: d.passwordLinks,
    reports: d.reports,
    supportUndo: d.supportUndo,
    isSecure,
  });
  await app.register(companionAppRoutes, { publicDir, organisation });
  await app.register(companionApiRoutes, {
    companion,
    transfers: d.transfers,
    takeAnswer: d.takeAnswer,
    waiting,
    streams,
    organisation,
    vapidPublicKey: d.vapid.publicKey,
    clock: d.clock,
  });
  await app.register(scim, {
    prefix: '/scim/v2',
    callers: d.apiCallers,
    directory: d.directory,
    accounts: d.accounts,
    directoryGroups: d.directoryGroups,
    publicUrl,
  });
  const settings = shownSettings(config, process.env);
  const look = (only?: readonly CheckupPart[]) => checkUp(d, only);
  await app.register(api, {
    prefix: API_PATH,
    publicUrl,
    organisation,
    version: packageJson.version,
    adminAcr: config.adminAcr,
    callers: d.apiCallers,
    idempotentCalls: d.idempotentCalls,
    clock: d.clock,
    endpoints: allEndpoints({ ...d, settings, checkUp: look, t: translator('en') }),
  });
  await app.register(async (own) => {
    // TLS ends at the proxy: what people use is the public address, whatever the proxy forgets to say.
    if (isSecure) {
      own.addHook('onRequest', async (request) => void Object.defineProperty(request, 'protocol', { value: 'https' }));
    }
    await own.register(session, {
      secret: d.cookieKeysFor('portal session'),
      cookieName: isSecure ? '__Host-portal' : 'portal',
      cookie: { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecure, maxAge: PORTAL_IDLE_SECONDS * 1000 },
      saveUninitialized: false,
      store: createPortalSessionStore(d.portalSessions, d.clock),
    });
    await own.register(accountRoutes, { binding, myAccount, portal, random, bindingCookie, adminAcr: config.adminAcr });
    await own.register(consolePages, { ...d, publicUrl, streams, settings, checkUp: look });
    await own.register(accountActivityRoutes, {
      myAccount,
      passwordLinks: d.passwordLinks,
      reports: d.reports,
      placeOf: d.placeOf,
    });
  });
  return app;
}
