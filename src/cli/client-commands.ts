import { readFileSync } from 'node:fs';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { acrNamed } from '../core/assurance.ts';
import { SIGNING_ALGORITHMS } from '../core/signing.ts';
import { CLIENT_GRANTS, CLIENT_PROFILES, type ClientWishes, resourceFrom } from '../flow/client-profiles.ts';
import type { Registered } from '../flow/clients.ts';
import { mistakeInEnglish } from '../i18n/mistakes.ts';
import { translator } from '../i18n/translate.ts';
import type { Client } from '../store/clients.ts';
import { BY, type Command, oneOf, RefusedError, UsageError } from './command.ts';

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const yesNo = { type: 'string' } as const;

/** What `client add` and `client change` both take. */
const WISHES = {
  name: text,
  redirect: texts,
  'sign-out': texts,
  'logout-url': text,
  'start-url': text,
  grant: texts,
  auth: text,
  jwks: text,
  'jwks-url': text,
  'tls-subject': text,
  acr: text,
  alg: text,
  'userinfo-alg': text,
  scope: texts,
  pairwise: yesNo,
  'require-par': yesNo,
  'require-signed': yesNo,
  dpop: yesNo,
  'ping-url': text,
  amr: yesNo,
  groups: text,
  api: texts,
  serves: texts,
  'access-token': text,
  'id-token': text,
  'refresh-idle': text,
  'refresh-total': text,
  'entra-tenant': text,
  'entra-app': text,
} satisfies ParseArgsOptionsConfig;

const WISHES_USAGE =
  '[--name <name>] [--redirect <address>...] [--sign-out <address>...] [--logout-url <address>] [--start-url <address>] ' +
  '[--grant refresh|client-credentials|device|ciba...] [--auth client_secret_basic|client_secret_post|private_key_jwt|tls_client_auth|none] ' +
  '[--jwks <file>] [--jwks-url <address>] [--tls-subject <name>] [--acr 1fa|mfa|phr|policy] [--alg ES256|RS256|PS256|EdDSA] [--userinfo-alg <alg>] ' +
  '[--scope email|profile|groups...] [--pairwise yes|no] [--require-par yes|no] [--require-signed yes|no] [--dpop yes|no] [--ping-url <address>] ' +
  '[--amr yes|no] [--groups none|all|<group>,...] [--api <address>[=<scope>,...]...] [--serves <address>...] ' +
  '[--access-token <seconds>] [--id-token <seconds>] [--refresh-idle <seconds>] [--refresh-total <seconds>] [--entra-tenant <id> --entra-app <id>]';

type Values = { readonly [name: string]: string | readonly string[] | boolean | undefined };

function wishesFrom(values: Values): ClientWishes {
  const one = (name: string): string | undefined => values[name] as string | undefined;
  const many = (name: string): readonly string[] | undefined => values[name] as readonly string[] | undefined;
  const isYes = (name: string): boolean | undefined => {
    const value = one(name);
    return value === undefined ? undefined : oneOf(`value of --${name}`, value, ['yes', 'no']) === 'yes';
  };
  const seconds = (name: string): number | undefined => {
    const value = one(name);
    if (value === undefined) return undefined;
    if (!/^\d+$/.test(value)) throw new UsageError(`--${name} is a number of seconds.`);
    return Number(value);
  };
  const among = <T extends string>(name: string, known: readonly T[]): T | undefined => {
    const value = one(name);
    return value === undefined ? undefined : oneOf(`value of --${name}`, value, known);
  };
  const lifetimes = Object.fromEntries(
    Object.entries({
      accessToken: seconds('access-token'),
      idToken: seconds('id-token'),
      refreshIdle: seconds('refresh-idle'),
      refreshAbsolute: seconds('refresh-total'),
    }).filter(([, value]) => value !== undefined),
  );
  const showsAmr = isYes('amr');
  return {
    name: one('name'),
    redirectUris: many('redirect'),
    postLogoutRedirectUris: many('sign-out'),
    logoutUri: one('logout-url'),
    startUri: one('start-url'),
    grants: many('grant')?.map((grant) => oneOf('grant', grant, CLIENT_GRANTS)),
    authentication: among('auth', [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'tls_client_auth',
    ] as const),
    jwks: keysIn(one('jwks')),
    jwksUri: one('jwks-url'),
    tlsSubject: one('tls-subject'),
    requiredAcr: acrFrom(one('acr')),
    idTokenAlgorithm: among('alg', SIGNING_ALGORITHMS),
    userinfoAlgorithm: among('userinfo-alg', SIGNING_ALGORITHMS),
    scopes: many('scope')?.map((scope) => oneOf('scope', scope, ['email', 'profile', 'groups'] as const)),
    isPairwise: isYes('pairwise'),
    mustPush: isYes('require-par'),
    mustSign: isYes('require-signed'),
    isDpopBound: isYes('dpop'),
    pingUri: one('ping-url'),
    hidesAmr: showsAmr === undefined ? undefined : !showsAmr,
    groups: groupsFrom(one('groups')),
    lifetimes: Object.keys(lifetimes).length > 0 ? lifetimes : undefined,
    resources: many('api')?.map((each) => resourceFrom(each)),
    serves: many('serves'),
    entra: entraFrom(one('entra-tenant'), one('entra-app')),
  };
}

function acrFrom(value: string | undefined): ClientWishes['requiredAcr'] {
  if (value === undefined) return undefined;
  if (value === 'policy') return null;
  const acr = acrNamed(value);
  if (!acr) throw new UsageError('The acr is 1fa, mfa, phr, or policy: what the policy says.');
  return acr;
}

function groupsFrom(value: string | undefined): ClientWishes['groups'] {
  if (value === undefined || value === 'all') return value;
  return value === 'none' ? [] : value.split(',').filter(Boolean);
}

function keysIn(file: string | undefined): ClientWishes['jwks'] {
  if (file === undefined) return undefined;
  try {
    const read = JSON.parse(readFileSync(file, 'utf8')) as { keys?: object[] };
    return Array.isArray(read.keys) ? { keys: read.keys } : { keys: [read] };
  } catch (error) {
    throw new UsageError(`The keys in ${file} cannot be read: ${(error as Error).message}`);
  }
}

function entraFrom(tenantId: string | undefined, applicationId: string | undefined): ClientWishes['entra'] {
  if (tenantId === undefined && applicationId === undefined) return undefined;
  if (!tenantId || !applicationId) throw new UsageError('Give --entra-tenant and --entra-app together.');
  const base = `https://login.microsoftonline.com/${tenantId}`;
  return { tenantId, applicationId, issuer: `${base}/v2.0`, jwksUri: `${base}/discovery/v2.0/keys` };
}

function told<T>(result: Registered<T>): T {
  if (!result.ok) throw new RefusedError(result.mistakes.map(mistakeInEnglish).join('\n'));
  return result.value;
}

const oneId = (positionals: readonly string[]): string => {
  const [id, ...rest] = positionals;
  if (!id || rest.length > 0) throw new UsageError('Give the id of one web app.');
  return id;
};

const secretLine = (secret: string | undefined): string[] =>
  secret ? [`Client secret: ${secret}   (shown this once)`] : [];

const switching = (verb: 'disable' | 'enable', help: string): Command => ({
  words: `client ${verb}`,
  usage: `client ${verb} <id>`,
  help,
  async run(d, args) {
    const id = oneId(parseArgs({ args, allowPositionals: true, options: {} }).positionals);
    told(await d.clientRegistration.setDisabled(id, verb === 'disable', BY));
    return `The web app ${id} is ${verb}d.`;
  },
});

export const clientCommands: readonly Command[] = [
  {
    words: 'client add',
    usage: `client add <id> [--replace] [--profile ${CLIENT_PROFILES.join('|')}] ${WISHES_USAGE}`,
    help: 'Registers a web app; with --replace also one that is there, whose secrets end. The secret is shown once. Profiles: web (has a secret), app (in a browser or on a phone), machine (no people), nl_gov, fapi2, entra (Microsoft Entra external authentication method). docs/oidc.md explains every option.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { ...WISHES, profile: { type: 'string', default: 'web' }, replace: { type: 'boolean' } },
      });
      const id = oneId(positionals);
      if (!values.replace && (await d.clients.byId(id)))
        throw new UsageError(
          `There is a web app ${id} already. To change it: client change. To begin anew, which ends its secrets: --replace`,
        );
      const profile = oneOf('profile', values.profile, CLIENT_PROFILES);
      const secret = told(await d.clientRegistration.register({ id, profile, ...wishesFrom(values) }, BY));
      const issuer = profile === 'entra' ? `${d.config.publicUrl}/entra` : d.config.publicUrl;
      const lines = [`Registered ${id}.`, `Issuer:        ${issuer}`, `Client id:     ${id}`, ...secretLine(secret)];
      return { text: lines.join('\n'), data: { id, issuer, secret } };
    },
  },
  {
    words: 'client change',
    usage: `client change <id> ${WISHES_USAGE}`,
    help: 'Changes what is mentioned and nothing else; an empty value takes an address away. Live within a second, everywhere.',
    async run(d, args) {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: WISHES });
      const id = oneId(positionals);
      const secret = told(await d.clientRegistration.change(id, wishesFrom(values), BY));
      return { text: [`Changed ${id}.`, ...secretLine(secret)].join('\n'), data: { id, secret } };
    },
  },
  {
    words: 'client rotate-secret',
    usage: 'client rotate-secret <id> [--keep-old <hours>]',
    help: 'Makes a new secret, shown once. The old one works for 24 hours more, or as long as you say; 0 ends it now.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { 'keep-old': { type: 'string', default: '24' } },
      });
      const hours = Number(values['keep-old']);
      if (!(hours >= 0 && hours <= 24 * 90)) throw new UsageError('--keep-old is a number of hours, at most 90 days.');
      const secret = told(await d.clientRegistration.rotateSecret(oneId(positionals), BY, Math.round(hours * 3600)));
      return { text: secretLine(secret).join('\n'), data: { secret } };
    },
  },
  switching('disable', 'A disabled web app can sign nobody in, and its tokens are refused. Nothing is lost.'),
  switching('enable', 'Lets a disabled web app in again.'),
  {
    words: 'client show',
    usage: 'client show <id>',
    help: 'Shows the registration of a web app as JSON, without secrets.',
    async run(d, args) {
      const id = oneId(parseArgs({ args, allowPositionals: true, options: {} }).positionals);
      const client = await d.clients.byId(id);
      if (!client) throw new UsageError(`There is no web app “${id}”.`);
      return { text: JSON.stringify(client, null, 2), data: client };
    },
  },
  {
    words: 'client check',
    usage: 'client check <id> [--start <address>]',
    help: 'Looks at a web app from the outside and says in words what is wrong: its registration, where it sends people, its logout URL, its clock, and what went wrong in the last week. Exit code 1 where something is.',
    async run(d, args) {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { start: text } });
      const id = oneId(positionals);
      const checked = await d.clientDoctor.check(id, values.start);
      if (!checked) throw new UsageError(`There is no web app “${id}”.`);
      const { findings } = checked;
      const t = translator('en');
      if (findings.some(({ level }) => level === 'bad')) process.exitCode = 1;
      const told = findings.map((f) => ({ ...f, text: t(`doctor.${f.name}`, f.facts as never) }));
      return {
        text: told.map(({ level, text: words }) => `${t(`doctor.${level}`).padEnd(6)} ${words}`).join('\n'),
        data: told,
      };
    },
  },
  {
    words: 'client list',
    usage: 'client list',
    help: 'Lists the registered web apps.',
    async run(d) {
      const clients = await d.clients.list();
      const none = 'There are no web apps yet. Register one: client add <id> --redirect <address>';
      return { text: clients.map(line).join('\n') || none, data: clients };
    },
  },
];

const line = ({ id, name, profile, requiredAcr, disabledAt, metadata }: Client): string =>
  [id, name, profile, requiredAcr ?? 'by policy', disabledAt ? 'disabled' : '', metadata.redirect_uris.join(' ')]
    .filter(Boolean)
    .join('  ');
