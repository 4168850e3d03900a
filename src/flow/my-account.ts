import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { RecoveryCodes } from '../store/recovery-codes.ts';

import { STRONG_WAYS } from './next-step.ts';

export type ShownAuthenticator = Authenticator & {
  readonly kind: 'password' | 'push' | 'totp' | 'webauthn' | 'recovery_code';
};

export interface MyAccountView {
  readonly account: Account;
  readonly authenticators: readonly ShownAuthenticator[];
  readonly recoveryCodesLeft: number;
  /** Has a second factor. */
  readonly isProtected: boolean;
}

/** What a person may see of their own account. */
export interface MyAccount {
  look(accountId: string): Promise<MyAccountView | undefined>;
}

const SHOWN = ['password', 'push', 'totp', 'webauthn', 'recovery_code'];

export function createMyAccount(n: {
  accounts: Accounts;
  authenticators: Authenticators;
  recoveryCodes: RecoveryCodes;
}): MyAccount {
  return {
    async look(accountId) {
      const account = await n.accounts.byId(accountId);
      if (account?.status !== 'active') return undefined;
      const all = await n.authenticators.ofAccount(accountId);
      return {
        account,
        authenticators: all.filter(
          (a): a is ShownAuthenticator =>
            SHOWN.includes(a.kind) && a.parentId === null && a.state !== 'revoked' && a.state !== 'pending',
        ),
        recoveryCodesLeft: await n.recoveryCodes.left(accountId),
        isProtected: all.some(({ kind, state }) => STRONG_WAYS.some((way) => way === kind) && state === 'active'),
      };
    },
  };
}
