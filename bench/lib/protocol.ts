import { type Answer, Browser, call } from './browser.ts';
import { type Forms, fillIn } from './forms.ts';
import type { Person } from './people.ts';
import { type Application, relyingParty, type Tokens } from './relying-party.ts';

/** An API that takes JSON Web Tokens, which the web app may ask tokens for. */
export const API = 'https://api.example.org/';

/** One browser that is signed in, and what its web app holds. */
export interface Visitor {
  readonly browser: Browser;
  access: string;
  refresh: string;
}

/** What web apps ask of any provider once somebody is signed in. Each answer is looked at: that it is one, and of its kind. */
export type Operation = (visitor: Visitor) => Promise<unknown>;

function ok({ status, body }: Answer): Record<string, unknown> {
  if (status !== 200) throw new Error(`${status}: ${body.slice(0, 300)}`);
  return JSON.parse(body) as Record<string, unknown>;
}

function isJwt({ access_token: token }: Tokens): void {
  if (token.split('.').length !== 3) throw new Error('an opaque token where a JWT was asked for');
}

/** @returns the operations by name, and a way to sign somebody in for them */
export async function protocolAt(application: Application, forms: Forms) {
  const app = await relyingParty(application);
  const { token_endpoint: token = '', introspection_endpoint: introspection = '' } = app.endpoints;
  const headers = { authorization: app.authorization };
  const asked = async (form: Record<string, string>): Promise<Tokens> =>
    ok(await call(token, { headers, form })) as unknown as Tokens;

  /** Authorize on a live session, and exchange the code: what single sign-on costs. */
  const codeFlow =
    (scope: string, more: Readonly<Record<string, string>>): Operation =>
    async ({ browser }) => {
      const request = app.request({ prompt: 'none', scope, ...more });
      const tokens = await app.redeem(request, await browser.open(request.url, application.redirectUri), more);
      if ('resource' in more) isJwt(tokens);
    };

  const operations: Readonly<Record<string, Operation>> = {
    'client credentials, opaque': () => asked({ grant_type: 'client_credentials' }),
    'client credentials, JWT': async () =>
      isJwt(await asked({ grant_type: 'client_credentials', resource: API, scope: 'read' })),
    refresh: async (visitor) => {
      const answer = await asked({ grant_type: 'refresh_token', refresh_token: visitor.refresh });
      if (answer.refresh_token === visitor.refresh) throw new Error('the same refresh token again');
      visitor.refresh = answer.refresh_token!;
      visitor.access = answer.access_token;
    },
    introspection: async ({ access }) => {
      const { active } = ok(await call(introspection, { headers, form: { token: access } }));
      if (active !== true) throw new Error('a token that is worth nothing');
    },
    userinfo: async ({ access }) => {
      const { sub } = ok(
        await call(app.endpoints.userinfo_endpoint!, { headers: { authorization: `Bearer ${access}` } }),
      );
      if (!sub) throw new Error('nobody');
    },
    'code flow on a session, opaque token': codeFlow('openid', {}),
    'code flow on a session, JWT': codeFlow('openid read', { resource: API }),
  };

  return {
    operations,
    async signIn(person: Person): Promise<Visitor> {
      const browser = new Browser();
      const request = app.request();
      const landed = await fillIn(forms, browser, person, request.url, application.redirectUri);
      const { access_token: access, refresh_token: refresh = '' } = await app.redeem(request, landed);
      return { browser, access, refresh };
    },
  };
}
