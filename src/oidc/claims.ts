import { createHmac, type KeyObject } from 'node:crypto';
import type { Client, KoaContextWithOIDC, Account as LibraryAccount } from 'oidc-provider';
import type { Account } from '../store/accounts.ts';
import type { Signer, Signers } from '../store/signers.ts';
import { ourClient } from './client-metadata.ts';
import { groundInProgress, signerInProgress } from './in-progress.ts';

/** Which scope releases which claims; those of `openid` are in every ID token. */
export const CLAIMS = {
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  email: ['email', 'email_verified'],
  profile: ['name', 'locale'],
  groups: ['groups'],
  sid: null,
  iss: null,
} as const;

/** Asked for by name, a claim is released only where its scope may be asked for too. */
export function isClaimAllowed(claim: string, client: Client | undefined): boolean {
  const scopes = (client?.scope ?? 'openid').split(' ');
  const scope = (['email', 'profile', 'groups'] as const).find((each) =>
    (CLAIMS[each] as readonly string[]).includes(claim),
  );
  if (claim === 'amr') return !ourClient(client).settings.hidesAmr;
  return scope === undefined || scopes.includes(scope);
}

/** Whom the library looked for in a request: the policy asks about them next. */
const signersOf = new WeakMap<object, Signer>();
export const signerOf = (ctx: KoaContextWithOIDC): Signer | undefined => signersOf.get(ctx);

export const createFindAccount =
  (signers: Signers) =>
  async (ctx: KoaContextWithOIDC, sub: string): Promise<LibraryAccount | undefined> => {
    const known = groundInProgress()?.account;
    const read = signerInProgress();
    const signer = known?.id === sub ? undefined : read?.account.id === sub ? read : await signers.byId(sub);
    if (signer) signersOf.set(ctx, signer);
    const account = signer?.account ?? (known?.id === sub ? known : undefined);
    if (account?.status !== 'active') return undefined;
    return {
      accountId: account.id,
      claims: () => ({
        sub: account.id,
        email: account.email,
        email_verified: true,
        name: account.displayName,
        ...(account.locale ? { locale: account.locale } : {}),
        ...groupsFor(ctx.oidc.client, account),
      }),
    };
  };

function groupsFor(client: Client | undefined, { groups }: Account): { groups?: string[] } {
  const told = ourClient(client).settings.groups;
  if (told === undefined) return {};
  return { groups: groups.filter((group) => told === 'all' || told.includes(group)) };
}

/** A `sub` of its own for each sector (OpenID Connect Core, section 8.1): HMAC-SHA256, base64url. */
export const createPairwiseIdentifier =
  (key: KeyObject) =>
  async (_ctx: unknown, accountId: string, client: Client): Promise<string> =>
    createHmac('sha256', key)
      .update([(client as unknown as { sectorIdentifier: string }).sectorIdentifier, accountId].join('\0'))
      .digest('base64url');

/** How strongly the person signed in, into access tokens and the answers of introspection (RFC 9470, section 6). */
export async function extraTokenClaims(ctx: KoaContextWithOIDC): Promise<Record<string, unknown> | undefined> {
  const { entities, client } = ctx.oidc;
  const source = (entities.AuthorizationCode ??
    entities.RefreshToken ??
    entities.BackchannelAuthenticationRequest ??
    entities.DeviceCode) as { acr?: string; amr?: string[]; authTime?: number } | undefined;
  if (!source) return undefined;
  const amr = ourClient(client).settings.hidesAmr ? undefined : source.amr;
  return {
    ...(source.acr === undefined ? {} : { acr: source.acr }),
    ...(amr === undefined ? {} : { amr }),
    ...(source.authTime === undefined ? {} : { auth_time: source.authTime }),
  };
}
