import { z } from 'zod';
import type { Mistake } from '../../core/mistakes.ts';
import { SIGNING_ALGORITHMS } from '../../core/signing.ts';
import type { ClientDoctor } from '../../flow/client-doctor.ts';
import { CLIENT_GRANTS, CLIENT_PROFILES, type ClientWishes } from '../../flow/client-profiles.ts';
import type { ClientRegistration, Registered } from '../../flow/clients.ts';
import { mistakeInEnglish } from '../../i18n/mistakes.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { Client, Clients } from '../../store/clients.ts';
import { text } from '../text.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { iso, isoOrNull, time, timeOrNull } from './schemas.ts';

const address = z.string().min(1).max(1000);
const acr = z.enum(['urn:dubbelslot:acr:1fa', 'urn:dubbelslot:acr:mfa', 'urn:dubbelslot:acr:phr']);
const seconds = z.number().int().min(1).max(86_400);

const wishes = z
  .strictObject({
    name: text(100).min(1),
    redirectUris: z.array(address).max(50),
    postLogoutRedirectUris: z.array(address).max(50),
    logoutUri: address.or(z.literal('')).describe('Where it is told that a session ended; empty takes it away.'),
    startUri: address.or(z.literal('')).describe('Where a person begins in it.'),
    grants: z.array(z.enum(CLIENT_GRANTS as [string, ...string[]])).describe('Beside signing people in.'),
    authentication: z.enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth']),
    jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())).max(20) }),
    jwksUri: address.or(z.literal('')),
    tlsSubject: z.string().max(500),
    requiredAcr: acr.nullable().describe('Asked at least; null: as the policy says.'),
    idTokenAlgorithm: z.enum(SIGNING_ALGORITHMS),
    userinfoAlgorithm: z.enum(SIGNING_ALGORITHMS),
    scopes: z.array(z.enum(['email', 'profile', 'groups'])),
    isPairwise: z.boolean(),
    mustPush: z.boolean(),
    mustSign: z.boolean(),
    isDpopBound: z.boolean(),
    pingUri: address.or(z.literal('')),
    hidesAmr: z.boolean(),
    groups: z.union([z.literal('all'), z.array(text(200).min(1)).max(200)]),
    lifetimes: z
      .strictObject({ accessToken: seconds, idToken: seconds, refreshIdle: seconds, refreshAbsolute: seconds })
      .partial(),
    resources: z
      .array(
        z.strictObject({
          uri: address,
          scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/)).max(100),
          format: z.enum(['jwt', 'opaque']).default('jwt'),
        }),
      )
      .max(50)
      .describe('APIs that it may ask tokens for, this one included.'),
    serves: z.array(address).max(50).describe('APIs that it is.'),
    entra: z.strictObject({ tenantId: z.uuid(), applicationId: z.uuid(), issuer: z.url(), jwksUri: z.url() }),
  })
  .partial();

const client = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    profile: z.enum(CLIENT_PROFILES as [string, ...string[]]),
    metadata: z.record(z.string(), z.unknown()).describe('In the words of OpenID Connect Dynamic Client Registration.'),
    settings: z.record(z.string(), z.unknown()).describe('What OpenID Connect has no word for.'),
    requiredAcr: acr.nullable(),
    secrets: z.array(z.strictObject({ createdAt: time, expiresAt: timeOrNull })),
    createdAt: time,
    disabledAt: timeOrNull,
  })
  .meta({ id: 'Client' });

const withSecret = z
  .strictObject({ client, secret: z.string().nullable().describe('Shown this once, where it has one.') })
  .meta({ id: 'ClientWithSecret' });

const params = z.strictObject({ id: z.string().max(100) });

const shown = (c: Client): z.infer<typeof client> => ({
  id: c.id,
  name: c.name,
  profile: c.profile,
  metadata: { ...c.metadata },
  settings: { ...c.settings },
  requiredAcr: c.requiredAcr ?? null,
  secrets: c.secrets.map(({ createdAt, expiresAt }) => ({
    createdAt: iso(createdAt),
    expiresAt: isoOrNull(expiresAt),
  })),
  createdAt: iso(c.createdAt),
  disabledAt: isoOrNull(c.disabledAt),
});

/** What a registration has against it, field by field where that is known. */
const refused = ({ mistakes }: { mistakes: readonly Mistake[] }) =>
  mistakes[0]?.name === 'changed_meanwhile'
    ? ({ refusal: { code: 'version_changed' } } as const)
    : ({
        problem: {
          status: 422,
          code: 'registration_refused',
          detail: mistakes.map(mistakeInEnglish).join(' '),
          errors: mistakes.map((each) => ({ path: each.field ?? '', message: mistakeInEnglish(each) })),
        },
      } as const);

const UNKNOWN = { problem: { status: 404, code: 'client_unknown' } } as const;

export function clientEndpoints(n: {
  clients: Clients;
  clientRegistration: ClientRegistration;
  clientDoctor: ClientDoctor;
  /** The doctor speaks English to programs. */
  t: Translate;
}): readonly Endpoint[] {
  const find = (id: string): Promise<Client | undefined> => n.clients.byId(id);
  const withClient = async (id: string, done: Registered<string | undefined>, status: 200 | 201 = 200) => {
    if (!done.ok) return refused(done);
    const found = (await find(id))!;
    return {
      status,
      value: { client: shown(found), secret: done.value ?? null },
      version: found.version,
      ...(status === 201 ? { location: `/api/v1/clients/${encodeURIComponent(id)}` } : {}),
    };
  };
  const switching = (verb: 'disable' | 'enable', summary: string) =>
    endpoint({
      method: 'POST',
      path: `/clients/:id/${verb}`,
      id: `${verb}Client`,
      tag: 'clients',
      summary,
      permission: 'clients:write',
      params,
      answers: { 200: client },
      async run({ params: { id }, by }) {
        if (!(await find(id))) return UNKNOWN;
        await n.clientRegistration.setDisabled(id, verb === 'disable', by);
        return { value: shown((await find(id))!) };
      },
    });

  return [
    endpoint({
      method: 'GET',
      path: '/clients',
      id: 'listClients',
      tag: 'clients',
      summary: 'Web apps and programs',
      permission: 'clients:read',
      answers: { 200: z.strictObject({ items: z.array(client) }) },
      async run() {
        return { value: { items: (await n.clients.list()).map(shown) } };
      },
    }),
    endpoint({
      method: 'POST',
      path: '/clients',
      id: 'createClient',
      tag: 'clients',
      summary: 'Registers a web app or program',
      permission: 'clients:write',
      isDangerous: true,
      isCreating: true,
      body: wishes.extend({
        id: z.string().regex(/^[A-Za-z0-9._~-]{1,100}$/),
        profile: z.enum(CLIENT_PROFILES as [string, ...string[]]).default('web'),
      }),
      answers: { 201: withSecret },
      async run({ body, by }) {
        if (await find(body.id)) return { problem: { status: 409, code: 'client_exists' } };
        return withClient(body.id, await n.clientRegistration.register(body as never, by), 201);
      },
    }),
    endpoint({
      method: 'GET',
      path: '/clients/:id',
      id: 'getClient',
      tag: 'clients',
      summary: 'One web app or program, without its secret',
      permission: 'clients:read',
      params,
      answers: { 200: client },
      async run({ params: { id } }) {
        const found = await find(id);
        return found ? { value: shown(found), version: found.version } : UNKNOWN;
      },
    }),
    endpoint({
      method: 'PATCH',
      path: '/clients/:id',
      id: 'changeClient',
      tag: 'clients',
      summary: 'Changes what is mentioned; live in every instance within a second',
      permission: 'clients:write',
      isDangerous: true,
      isVersioned: true,
      params,
      body: wishes,
      answers: { 200: withSecret },
      async run({ params: { id }, body, by, version }) {
        if (!(await find(id))) return UNKNOWN;
        return withClient(id, await n.clientRegistration.change(id, body as ClientWishes, by, version));
      },
    }),
    endpoint({
      method: 'POST',
      path: '/clients/:id/secrets',
      id: 'rotateClientSecret',
      tag: 'clients',
      summary: 'Makes a new secret; the old one works on for a while',
      permission: 'clients:write',
      isDangerous: true,
      isCreating: true,
      params,
      body: z.strictObject({ keepOldSeconds: z.number().int().min(0).max(7_776_000).default(86_400) }),
      answers: { 201: z.strictObject({ secret: z.string() }) },
      async run({ params: { id }, body, by }) {
        if (!(await find(id))) return UNKNOWN;
        const done = await n.clientRegistration.rotateSecret(id, by, body.keepOldSeconds);
        return done.ok ? { status: 201, value: { secret: done.value } } : refused(done);
      },
    }),
    switching('disable', 'Lets nobody in through it any more; its tokens are refused'),
    switching('enable', 'Lets a disabled one in again'),
    endpoint({
      method: 'POST',
      path: '/clients/:id/check',
      id: 'checkClient',
      tag: 'clients',
      summary: 'Looks at a web app from the outside and says what is wrong',
      permission: 'clients:read',
      params,
      body: z.strictObject({ startUri: z.url({ protocol: /^https?$/ }).optional() }).default({}),
      answers: {
        200: z.strictObject({
          findings: z.array(
            z.strictObject({ level: z.enum(['good', 'hint', 'bad']), name: z.string(), text: z.string() }),
          ),
        }),
      },
      async run({ params: { id }, body }) {
        const checked = await n.clientDoctor.check(id, body.startUri);
        if (!checked) return UNKNOWN;
        return {
          value: {
            findings: checked.findings.map(({ level, name, facts }) => ({
              level,
              name,
              text: n.t(`doctor.${name}`, facts as never),
            })),
          },
        };
      },
    }),
  ];
}
