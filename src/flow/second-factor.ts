import type { VerifyRecoveryCode } from '../authenticators/recovery-code/verify.ts';
import type { VerifyTemporaryPass } from '../authenticators/temporary-pass/verify.ts';
import { verifyTotp } from '../authenticators/totp/verify.ts';
import type { RequestOptions, WebauthnChallenges } from '../authenticators/webauthn/challenge.ts';
import type { AuthenticationResponseJSON, VerifiedKey, VerifyWebauthn } from '../authenticators/webauthn/verify.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { accept, type Refusal, type Result, refuse } from '../core/refusals.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { LoginTransaction, LoginTransactions, Shown } from '../store/login-transactions.ts';
import type { RecoveryCodes } from '../store/recovery-codes.ts';
import type { Signers } from '../store/signers.ts';
import { type Audit, byAccount, from } from './audit.ts';
import type { Guessing } from './guessing.ts';
import type { Notify } from './notices.ts';
import type { Known, SignInView } from './sign-in.ts';

/** The second factors that are typed or touched; approvals by phone are in approvals.ts. */
export interface SecondFactor {
  /** Refusals: `code_wrong` (also for a code that was used before), `authenticator_disabled`, `wait`. */
  totp(view: SignInView, code: string, origin: Origin): Promise<Result<LoginTransaction>>;
  /** What a browser needs to ask for one of the account's keys. */
  keyOptions(view: SignInView): Promise<RequestOptions>;
  /** Refusals: `key_invalid`, `key_copied`, `authenticator_disabled`, `wait`. */
  key(view: SignInView, response: AuthenticationResponseJSON, origin: Origin): Promise<Result<LoginTransaction>>;
  /** What a browser needs to offer any passkey, before it is known who signs in. */
  passkeyOptions(uid: string): Promise<RequestOptions>;
  /**
   * A passkey that verified its user is all that is needed. Refusals: `key_invalid`, `key_copied`.
   * @returns the sign-in as it is now, and whose it is
   */
  passkey(uid: string, response: AuthenticationResponseJSON, origin: Origin): Promise<Result<Known>>;
  /** Refusals: `recovery_code_wrong`, `authenticator_disabled`, `wait`. */
  recoveryCode(view: SignInView, code: string, origin: Origin): Promise<Result<LoginTransaction>>;
  /** Refusals: `temporary_pass_wrong`, `authenticator_disabled`, `wait`. */
  temporaryPass(view: SignInView, code: string, origin: Origin): Promise<Result<LoginTransaction>>;
}

export interface SecondFactorNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  recoveryCodes: RecoveryCodes;
  signers: Signers;
  transactions: LoginTransactions;
  guessing: Guessing;
  keys: WebauthnChallenges;
  verifyWebauthn: VerifyWebauthn;
  verifyRecoveryCode: VerifyRecoveryCode;
  verifyTemporaryPass: VerifyTemporaryPass;
  audit: Audit;
  notify: Notify;
  clock: Clock;
}

/** Subject of a challenge: this sign-in, and no other. */
const subjectOf = (uid: string): string => `sign_in:${uid}`;

export function createSecondFactor(n: SecondFactorNeeds): SecondFactor {
  /** What a right guess was: its authenticator, and what the proof is still to use up by itself. */
  interface Right {
    readonly authenticatorId: string;
    readonly step?: number;
  }
  type Verify = (view: SignInView, account: Account, code: string, now: Date) => Promise<Right | undefined>;

  /** What is used up when it is looked at. */
  const usedUp =
    (verify: VerifyRecoveryCode | VerifyTemporaryPass): Verify =>
    async (_view, account, code, now) => {
      const authenticatorId = await verify(account.id, code, now);
      if (authenticatorId) await n.authenticators.touch(authenticatorId, now);
      return authenticatorId === undefined ? undefined : { authenticatorId };
    };
  const totp: Verify = async ({ codeApps }, _account, code, now) => verifyTotp(codeApps, code, now);
  const typed = {
    totp: { action: 'code.verified', wrong: 'code_wrong', verify: totp },
    recovery_code: {
      action: 'recovery_code.used',
      wrong: 'recovery_code_wrong',
      verify: usedUp(n.verifyRecoveryCode),
    },
    temporary_pass: {
      action: 'temporary_pass.used',
      wrong: 'temporary_pass_wrong',
      verify: usedUp(n.verifyTemporaryPass),
    },
  } as const;

  /** One guess at something typed: counted first, looked at, told. */
  const guess = async (
    view: SignInView,
    kind: keyof typeof typed,
    code: string,
    origin: Origin,
  ): Promise<Result<LoginTransaction>> => {
    const { action, wrong, verify } = typed[kind];
    const { transaction, account } = view;
    if (!account) return refuse(wrong);
    const tried = await n.guessing.attempt(account, kind);
    if (!tried.ok) return tried;
    const now = n.clock.now();
    const event = { action, object: `account:${account.id}`, ...byAccount(account, origin) };
    const right = await verify(view, account, code, now);
    if (right === undefined) {
      await n.audit({ ...event, result: 'refused', detail: { kind, failures: tried.value } });
      return n.guessing.wrong(account, kind, tried.value, wrong, origin);
    }
    const { authenticatorId, step } = right;
    const proven = await n.transactions.prove(
      transaction.uid,
      {
        accountId: account.id,
        proof: kind,
        forgiven: n.guessing.forgiven(account, kind),
        ...(step === undefined ? {} : { step: { authenticatorId, step } }),
        event: { ...event, result: 'success', detail: { kind, authenticator: authenticatorId } },
      },
      now,
    );
    if (proven) return accept(proven);
    // The sign-in has ended meanwhile, or the same code was used at the same moment.
    await n.audit({ ...event, result: 'refused', detail: { kind, reason: 'overtaken' } });
    return refuse(wrong);
  };

  /** A counter that did not grow: somebody may have a copy of the key. It is out of use until its owner is asked. */
  const copied = async (account: Account, id: string, origin: Origin): Promise<void> => {
    await n.authenticators.move(id, ['active', 'pending'], 'disabled', n.clock.now());
    await n.audit({
      action: 'authenticator.disabled',
      object: `authenticator:${id}`,
      result: 'success',
      ...byAccount(account, origin),
      actor: 'system',
      detail: { kind: 'webauthn', reason: 'its signature counter did not grow' },
    });
    n.notify(account, { kind: 'key_copied', ip: origin.ip });
  };

  const refusedKey = async (refusal: Refusal, account: Account | undefined, origin: Origin): Promise<Refusal> => {
    const event = { action: 'key.verified', result: 'refused', detail: { reason: refusal.code } } as const;
    const known = refusal.authenticatorId ? await n.authenticators.byId(refusal.authenticatorId) : undefined;
    const owner = account ?? (known && (await n.accounts.byId(known.accountId)));
    await n.audit(
      owner
        ? { ...event, object: `account:${owner.id}`, ...byAccount(owner, origin) }
        : { ...event, object: 'account:unknown', ...from(origin), actor: 'anonymous' },
    );
    if (owner && known) await copied(owner, known.id, origin);
    return { code: refusal.code };
  };

  /** A right answer for a sign-in that has ended meanwhile. */
  const overtaken = async (account: Account, origin: Origin): Promise<Result<never>> => {
    await n.audit({
      action: 'key.verified',
      object: `account:${account.id}`,
      result: 'refused',
      ...byAccount(account, origin),
      detail: { reason: 'overtaken' },
    });
    return refuse('key_invalid');
  };

  /** A key's proof, and the event of it. */
  const shownKey = (account: Account, { authenticator, proof }: VerifiedKey, origin: Origin): Shown => ({
    accountId: account.id,
    proof,
    authenticatorId: authenticator.id,
    event: {
      action: 'key.verified',
      object: `authenticator:${authenticator.id}`,
      result: 'success',
      ...byAccount(account, origin),
      detail: { proof },
    },
  });

  return {
    totp: (view, code, origin) => guess(view, 'totp', code, origin),

    keyOptions: ({ transaction, authenticators }) =>
      n.keys.request(
        subjectOf(transaction.uid),
        authenticators.filter(({ kind, state }) => kind === 'webauthn' && state === 'active'),
        n.clock.now(),
      ),

    async key({ transaction, account }, response, origin) {
      if (!account) return refuse('key_invalid');
      const tried = await n.guessing.attempt(account, 'webauthn');
      if (!tried.ok) return tried;
      const now = n.clock.now();
      const verified = await n.verifyWebauthn(subjectOf(transaction.uid), account.id, response, now);
      if (!verified.ok) {
        const refusal = await refusedKey(verified.refusal, account, origin);
        if (refusal.code !== 'key_invalid') return { ok: false, refusal };
        return n.guessing.wrong(account, 'webauthn', tried.value, 'key_invalid', origin);
      }
      if (verified.value.authenticator.state !== 'active') return refuse('key_invalid');
      const forgiven = n.guessing.forgiven(account, 'webauthn');
      const shown = { ...shownKey(account, verified.value, origin), forgiven };
      const proven = await n.transactions.prove(transaction.uid, shown, now);
      return proven ? accept(proven) : overtaken(account, origin);
    },

    passkeyOptions: (uid) => n.keys.request(subjectOf(uid), undefined, n.clock.now()),

    async passkey(uid, response, origin) {
      const now = n.clock.now();
      const verified = await n.verifyWebauthn(subjectOf(uid), undefined, response, now);
      if (!verified.ok) return { ok: false, refusal: await refusedKey(verified.refusal, undefined, origin) };
      const { authenticator } = verified.value;
      const signer = await n.signers.byId(authenticator.accountId);
      if (signer?.account.status !== 'active' || authenticator.state !== 'active') return refuse('key_invalid');
      const transaction = await n.transactions.start(uid, shownKey(signer.account, verified.value, origin), now);
      return transaction ? accept({ transaction, signer }) : overtaken(signer.account, origin);
    },

    async recoveryCode(view, code, origin) {
      const used = await guess(view, 'recovery_code', code, origin);
      if (!used.ok || !view.account) return used;
      const left = await n.recoveryCodes.left(view.account.id);
      n.notify(view.account, { kind: 'recovery_code_used', left, ip: origin.ip });
      return used;
    },

    temporaryPass: (view, code, origin) => guess(view, 'temporary_pass', code, origin),
  };
}
