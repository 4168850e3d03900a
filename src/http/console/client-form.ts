import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CLIENT_GRANTS, type ClientGrant } from '../../flow/client-profiles.ts';
import type { Client } from '../../store/clients.ts';
import { text } from '../text.ts';

export const CLIENT_LIST = '/admin/clients';
export const clientPath = (id: string): string => `${CLIENT_LIST}/${encodeURIComponent(id)}`;
const lines = (value: string): string[] => value.split(/[\s,]+/).filter(Boolean);

export const clientForm = z.object({
  name: text(100).default(''),
  redirectUris: text(5000).default(''),
  postLogoutRedirectUris: text(5000).default(''),
  logoutUri: text(1000).default(''),
  startUri: text(1000).default(''),
  requiredAcr: z.enum(['', 'urn:dubbelslot:acr:1fa', 'urn:dubbelslot:acr:mfa', 'urn:dubbelslot:acr:phr']).default(''),
  refresh: z.literal('yes').optional(),
});

/** What is asked about a web app. */
export function clientFields({ t }: FastifyRequest, values: Readonly<Record<string, string>>) {
  return [
    {
      name: 'name',
      label: t('console.name'),
      hint: t('console.app_name_hint'),
      kind: 'text',
      value: values.name ?? '',
      isRequired: true,
      longest: 100,
    },
    {
      name: 'redirectUris',
      label: t('console.redirects'),
      hint: t('console.redirects_hint'),
      kind: 'textarea',
      value: values.redirectUris ?? '',
      rows: 3,
      longest: 5000,
      isCode: true,
    },
    {
      name: 'postLogoutRedirectUris',
      label: t('console.after_sign_out'),
      hint: t('console.one_a_line'),
      kind: 'textarea',
      value: values.postLogoutRedirectUris ?? '',
      rows: 2,
      longest: 5000,
      isCode: true,
    },
    { name: 'startUri', label: t('console.start_address'), kind: 'url', value: values.startUri ?? '' },
    {
      name: 'logoutUri',
      label: t('console.logout_address'),
      hint: t('console.logout_address_hint'),
      kind: 'url',
      value: values.logoutUri ?? '',
    },
    {
      name: 'requiredAcr',
      label: t('console.asks_at_least'),
      kind: 'select',
      value: values.requiredAcr ?? '',
      options: [
        { value: '', text: t('console.by_policy') },
        ...(['1fa', 'mfa', 'phr'] as const).map((acr) => ({
          value: `urn:dubbelslot:acr:${acr}`,
          text: t(`console.acr_${acr}`),
        })),
      ],
    },
    { name: 'refresh', label: t('console.may_refresh'), kind: 'checkbox', value: values.refresh ?? '' },
  ] as const;
}

/** The registration that the form asks for; what the form does not show stays as it was. */
export const wishesFrom = (body: z.output<typeof clientForm>, before?: Client) => ({
  name: body.name,
  redirectUris: lines(body.redirectUris),
  postLogoutRedirectUris: lines(body.postLogoutRedirectUris),
  logoutUri: body.logoutUri.trim(),
  startUri: body.startUri.trim(),
  requiredAcr: body.requiredAcr || null,
  grants: [...grantsOf(before).filter((grant) => grant !== 'refresh'), ...(body.refresh ? (['refresh'] as const) : [])],
});

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
