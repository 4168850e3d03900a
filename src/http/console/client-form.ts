import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Mistake } from '../../core/mistakes.ts';
import { mistake } from '../../core/mistakes.ts';
import { CLIENT_GRANTS, type ClientGrant, type ClientWishes, resourceFrom } from '../../flow/client-profiles.ts';
import type { Client, ClientProfile } from '../../store/clients.ts';
import { text } from '../text.ts';
import type { Field } from './blocks.ts';

export const CLIENT_LIST = '/admin/clients';
export const clientPath = (id: string): string => `${CLIENT_LIST}/${encodeURIComponent(id)}`;
const words = (value: string): string[] => value.split(/[\s,]+/).filter(Boolean);
const lines = (value: string): string[] =>
  value
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

const ticks = z
  .union([z.string().max(100), z.array(z.string().max(100)).max(20)])
  .default([])
  .transform((value) => (typeof value === 'string' ? words(value) : value));

export const clientForm = z.object({
  name: text(100).default(''),
  redirectUris: text(5000).default(''),
  postLogoutRedirectUris: text(5000).default(''),
  logoutUri: text(1000).default(''),
  startUri: text(1000).default(''),
  requiredAcr: z.enum(['', 'urn:dubbelslot:acr:1fa', 'urn:dubbelslot:acr:mfa', 'urn:dubbelslot:acr:phr']).default(''),
  authentication: z.enum(['client_secret_basic', 'private_key_jwt']).optional(),
  jwks: text(20_000).default(''),
  jwksUri: text(1000).default(''),
  resources: text(5000).default(''),
  scopes: ticks,
  grants: ticks,
});

const SCOPES = ['email', 'profile', 'groups'] as const;
const FOR_PEOPLE = ['redirectUris', 'postLogoutRedirectUris', 'startUri', 'logoutUri', 'requiredAcr', 'scopes'];

/** What a form asks about each kind of client, and which grants it offers. */
const ASKED: Readonly<Record<ClientProfile, { fields: readonly string[]; grants: readonly ClientGrant[] }>> = {
  web: { fields: [...FOR_PEOPLE, 'grants', 'resources'], grants: CLIENT_GRANTS },
  app: { fields: FOR_PEOPLE.filter((name) => name !== 'logoutUri').concat('grants'), grants: ['refresh', 'device'] },
  machine: { fields: ['authentication', 'jwks', 'jwksUri', 'resources'], grants: [] },
  nl_gov: { fields: [...FOR_PEOPLE, 'jwks', 'jwksUri', 'grants', 'resources'], grants: ['refresh'] },
  fapi2: { fields: [...FOR_PEOPLE, 'jwks', 'jwksUri', 'grants', 'resources'], grants: ['refresh', 'ciba'] },
  entra: { fields: [], grants: [] },
};

/** What is asked about a web app of this kind. */
export function clientFields(
  { t }: FastifyRequest,
  profile: ClientProfile,
  values: Readonly<Record<string, string>>,
): Field[] {
  const value = (name: string): string => values[name] ?? '';
  const area = (name: string, rows: number, label: string, hint: string, longest = 5000): Field => ({
    name,
    label,
    hint,
    kind: 'textarea',
    value: value(name),
    rows,
    longest,
    isCode: true,
  });
  const all: readonly Field[] = [
    area('redirectUris', 3, t('console.redirects'), t('console.redirects_hint')),
    area('postLogoutRedirectUris', 2, t('console.after_sign_out'), t('console.one_a_line')),
    {
      name: 'startUri',
      label: t('console.start_address'),
      hint: t('console.start_address_hint'),
      kind: 'url',
      value: value('startUri'),
    },
    {
      name: 'logoutUri',
      label: t('console.logout_address'),
      hint: t('console.logout_address_hint'),
      kind: 'url',
      value: value('logoutUri'),
    },
    {
      name: 'requiredAcr',
      label: t('console.asks_at_least'),
      kind: 'select',
      value: value('requiredAcr'),
      options: [
        { value: '', text: t('console.by_policy') },
        ...(['1fa', 'mfa', 'phr'] as const).map((acr) => ({
          value: `urn:dubbelslot:acr:${acr}`,
          text: t(`console.acr_${acr}`),
        })),
      ],
    },
    {
      name: 'authentication',
      label: t('console.proves_itself'),
      kind: 'radio',
      value: value('authentication') || 'client_secret_basic',
      options: [
        { value: 'client_secret_basic', text: t('console.proves_secret') },
        { value: 'private_key_jwt', text: t('console.proves_key') },
      ],
    },
    area('jwks', 5, t('console.public_keys'), t('console.public_keys_hint'), 20_000),
    {
      name: 'jwksUri',
      label: t('console.keys_address'),
      hint: t('console.keys_address_hint'),
      kind: 'url',
      value: value('jwksUri'),
    },
    {
      name: 'scopes',
      label: t('console.is_told'),
      kind: 'checkboxes',
      value: values.scopes ?? 'email profile',
      options: SCOPES.map((scope) => ({ value: scope, text: t(`console.scope_${scope}`) })),
    },
    {
      name: 'grants',
      label: t('console.may_also'),
      kind: 'checkboxes',
      value: value('grants'),
      options: ASKED[profile].grants.map((grant) => ({ value: grant, text: t(`console.grant_${grant}`) })),
    },
    area('resources', 2, t('console.resources'), t('console.resources_hint')),
  ];
  return [
    {
      name: 'name',
      label: t('console.name'),
      hint: t(profile === 'machine' ? 'console.program_name_hint' : 'console.app_name_hint'),
      kind: 'text',
      value: value('name'),
      isRequired: true,
      longest: 100,
    },
    ...all.filter(({ name }) => ASKED[profile].fields.includes(name)),
  ];
}

/** The registration that a form asks for; what the form of this kind does not show stays as it was. */
export function wishesFrom(
  body: z.output<typeof clientForm>,
  profile: ClientProfile,
  before?: Client,
): { readonly wishes: ClientWishes; readonly mistakes: readonly Mistake[] } {
  const { fields, grants: offered } = ASKED[profile];
  const keys = publicKeysIn(body.jwks);
  const shown = {
    redirectUris: words(body.redirectUris),
    postLogoutRedirectUris: words(body.postLogoutRedirectUris),
    logoutUri: body.logoutUri.trim(),
    startUri: body.startUri.trim(),
    requiredAcr: body.requiredAcr || null,
    authentication: body.authentication,
    jwks: keys || undefined,
    jwksUri: body.jwksUri.trim(),
    scopes: SCOPES.filter((scope) => body.scopes.includes(scope)),
    grants: [
      ...grantsOf(before).filter((grant) => !offered.includes(grant)),
      ...offered.filter((grant) => body.grants.includes(grant)),
    ],
    resources: lines(body.resources).map((line) => resourceFrom(line, before?.settings.resources)),
  } satisfies ClientWishes;
  const asked = Object.entries(shown).filter(([name]) => fields.includes(name));
  return {
    wishes: { name: body.name, ...Object.fromEntries(asked) },
    mistakes: fields.includes('jwks') && keys === undefined ? [mistake('keys_unreadable', {}, 'jwks')] : [],
  };
}

/** A JWK Set, or one key of it. @returns empty where nothing was given; undefined where it cannot be read */
function publicKeysIn(typed: string): { keys: object[] } | '' | undefined {
  if (typed.trim() === '') return '';
  try {
    const read: unknown = JSON.parse(typed);
    if (typeof read !== 'object' || read === null) return undefined;
    const { keys } = read as { keys?: object[] };
    return { keys: Array.isArray(keys) ? keys : [read] };
  } catch {
    return undefined;
  }
}

/** A registration as its form shows it. */
export function valuesOf(client: Client): Readonly<Record<string, string>> {
  const { metadata, settings } = client;
  return {
    name: client.name,
    redirectUris: metadata.redirect_uris.join('\n'),
    postLogoutRedirectUris: (metadata.post_logout_redirect_uris ?? []).join('\n'),
    logoutUri: metadata.backchannel_logout_uri ?? '',
    startUri: settings.startUri ?? '',
    requiredAcr: client.requiredAcr ?? '',
    authentication: metadata.token_endpoint_auth_method,
    jwks: metadata.jwks ? JSON.stringify(metadata.jwks, null, 2) : '',
    jwksUri: typeof metadata.jwks_uri === 'string' ? metadata.jwks_uri : '',
    scopes: metadata.scope ?? '',
    grants: grantsOf(client).join(' '),
    resources: (settings.resources ?? []).map(({ uri, scopes }) => `${uri}=${scopes.join(',')}`).join('\n'),
  };
}

/** What was typed, to be shown again. */
export const typedValues = (body: object): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, Array.isArray(value) ? value.join(' ') : String(value ?? '')]),
  );

/** What a client may do beside signing people in, in our words. */
export function grantsOf(client: Client | undefined): ClientGrant[] {
  const types = client?.metadata.grant_types ?? [];
  const names: Readonly<Record<string, ClientGrant>> = {
    refresh_token: 'refresh',
    client_credentials: 'client-credentials',
    'urn:ietf:params:oauth:grant-type:device_code': 'device',
    'urn:openid:params:grant-type:ciba': 'ciba',
  };
  return CLIENT_GRANTS.filter((grant) => types.some((type) => names[type] === grant));
}
