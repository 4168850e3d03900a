import type { Organisation } from '../../core/organisation.ts';
import type { Account } from '../../store/accounts.ts';

/** Who we are to a security key: its credentials work for this origin and no other (WebAuthn, section 5.1.2). */
export interface WebauthnParty {
  readonly rpID: string;
  /** Whose name a browser shows. */
  readonly organisation: Pick<Organisation, 'name'>;
  readonly origin: string;
  /** Models that may be enrolled, by AAGUID in lower case; empty: all. */
  readonly allowedAaguids: readonly string[];
}

/** The user handle: the account's random id, which says nothing about the person (WebAuthn, section 14.6.1). */
export const userHandle = ({ id }: Pick<Account, 'id'>): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');

/** ES256, EdDSA and RS256: what keys in use have. */
export const ALGORITHMS = [-7, -8, -257];

export const NO_AAGUID = '00000000-0000-0000-0000-000000000000';
