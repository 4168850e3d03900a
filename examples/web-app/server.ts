/**
 * An example relying party: what a web app does to let its people sign in with Dubbelslot.
 * One file, Node's own HTTP server, and `openid-client` for the protocol.
 *
 * ISSUER, CLIENT_ID, CLIENT_SECRET and APP_URL come from the environment (`npm run demo` sets them).
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as oidc from 'openid-client';

const {
  ISSUER = 'http://localhost:3000',
  CLIENT_ID = 'example-web-app',
  CLIENT_SECRET = '',
  APP_URL = 'http://localhost:3001',
} = process.env;

interface Session {
  state?: string;
  nonce?: string;
  codeVerifier?: string;
  claims?: oidc.IDToken;
  idToken?: string;
}
// A real web app keeps its sessions in a database; this one forgets them when it stops.
const sessions = new Map<string, Session>();

const issuer = new URL(ISSUER);
const config = await oidc.discovery(issuer, CLIENT_ID, CLIENT_SECRET, undefined, {
  // Plain http only on this machine, for a trial.
  execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
});

function sessionOf(request: IncomingMessage, response: ServerResponse): Session {
  const id = /(?:^|; )example=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  const known = id && sessions.get(id);
  if (known) return known;
  const fresh: Session = {};
  const freshId = randomBytes(24).toString('base64url');
  sessions.set(freshId, fresh);
  response.setHeader('set-cookie', `example=${freshId}; Path=/; HttpOnly; SameSite=Lax`);
  return fresh;
}

const redirect = (response: ServerResponse, to: string): void => {
  response.writeHead(303, { location: to }).end();
};

/** Sends the browser to Dubbelslot. `more` can ask for a fresh sign-in (max_age) or a stronger one (acr_values). */
async function signIn(session: Session, response: ServerResponse, more: Record<string, string>): Promise<void> {
  session.codeVerifier = oidc.randomPKCECodeVerifier();
  session.state = oidc.randomState();
  session.nonce = oidc.randomNonce();
  const address = oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${APP_URL}/callback`,
    scope: 'openid email profile',
    code_challenge: await oidc.calculatePKCECodeChallenge(session.codeVerifier),
    code_challenge_method: 'S256',
    state: session.state,
    nonce: session.nonce,
    ...more,
  });
  redirect(response, address.href);
}

/** The browser comes back: the code becomes tokens, and the ID token says who it is and how surely. */
async function callback(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { state, nonce, codeVerifier } = session;
  if (!state || !nonce || !codeVerifier) {
    redirect(response, '/');
    return;
  }
  try {
    const tokens = await oidc.authorizationCodeGrant(config, new URL(request.url ?? '/', APP_URL), {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: codeVerifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (!claims || !tokens.id_token) throw new Error('no ID token');
    const person = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
    session.claims = { ...claims, email: person.email, name: person.name };
    session.idToken = tokens.id_token;
    redirect(response, '/');
  } catch (error) {
    const { error: code = 'error', error_description: text = '' } = error as {
      error?: string;
      error_description?: string;
    };
    page(
      response,
      `<h1>Niet aangemeld</h1><p id="error">${escaped(code)}: ${escaped(text)}</p><p><a href="/sign-in">Opnieuw proberen</a></p>`,
      403,
    );
  }
}

function signOut(session: Session, response: ServerResponse): void {
  const idToken = session.idToken;
  for (const [id, each] of sessions) if (each === session) sessions.delete(id);
  const address = oidc.buildEndSessionUrl(config, {
    post_logout_redirect_uri: `${APP_URL}/`,
    ...(idToken ? { id_token_hint: idToken } : {}),
  });
  redirect(response, address.href);
}

const escaped = (text: unknown): string => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function page(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`<!doctype html><html lang="nl"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Voorbeeld-app</title>
<style>body{font:17px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}dt{color:#555}dd{margin:0 0 .6rem;font-weight:600}a{margin-right:1rem}</style>${body}</html>`);
}

function home(session: Session, response: ServerResponse): void {
  const { claims } = session;
  if (!claims) {
    page(
      response,
      '<h1>Voorbeeld-app</h1><p>U bent niet aangemeld.</p><p><a id="sign-in" href="/sign-in">Aanmelden</a></p>',
    );
    return;
  }
  const facts = Object.entries({
    email: claims.email,
    naam: claims.name,
    acr: claims.acr,
    amr: (claims.amr as string[] | undefined)?.join(' '),
    auth_time: claims.auth_time && new Date(claims.auth_time * 1000).toISOString(),
  });
  page(
    response,
    `<h1>Welkom, <span id="email">${escaped(claims.email)}</span></h1><dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd id="${name}">${escaped(value)}</dd>`).join('')}</dl>
<p><a id="again" href="/sign-in?max_age=0">Opnieuw bewijzen</a> <a id="sign-out" href="/sign-out">Afmelden</a></p>`,
  );
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', APP_URL);
  const session = sessionOf(request, response);
  const routes: Record<string, () => unknown> = {
    '/': () => home(session, response),
    '/sign-in': () => signIn(session, response, Object.fromEntries(url.searchParams)),
    '/callback': () => callback(session, request, response),
    '/sign-out': () => signOut(session, response),
  };
  const route = routes[url.pathname];
  if (!route || request.method !== 'GET') return response.writeHead(404).end();
  return Promise.resolve(route()).catch(() => response.writeHead(500).end());
});

server.on('error', (error) => {
  console.error(`The example web app cannot listen at ${APP_URL}: ${(error as NodeJS.ErrnoException).code}`);
  process.exit(1);
});
server.listen(Number(new URL(APP_URL).port || 80), new URL(APP_URL).hostname);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));
