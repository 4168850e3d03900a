import type { BindWebauthn, RegistrationResponseJSON } from '../authenticators/webauthn/bind.ts';
import type { CreationOptions, RequestOptions, WebauthnChallenges } from '../authenticators/webauthn/challenge.ts';
import type { AuthenticationResponseJSON, VerifyWebauthn } from '../authenticators/webauthn/verify.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import { type Audit, byAccount } from './audit.ts';
import type { BindingView } from './binding.ts';
import type { AnnounceBound } from './bound.ts';

/** Enrolment of a security key or passkey: it is made, then used once. */
export interface KeyBinding {
  offer(view: BindingView): Promise<CreationOptions>;
  /** `label` is used where the key does not say what it is. Refusals: those of `BindWebauthn`, `binding_not_ready`. */
  bind(view: BindingView, response: RegistrationResponseJSON, label: string, origin: Origin): Promise<Result<void>>;
  /** What a browser needs to ask for the new key, and for no other. */
  testOptions(view: BindingView): Promise<RequestOptions>;
  /** Refusals: `key_invalid`, `binding_not_ready`. */
  test(view: BindingView, response: AuthenticationResponseJSON, origin: Origin): Promise<Result<void>>;
}

export interface KeyBindingNeeds {
  authenticators: Authenticators;
  bindings: BindingSessions;
  keys: WebauthnChallenges;
  bindWebauthn: BindWebauthn;
  verifyWebauthn: VerifyWebauthn;
  announceBound: AnnounceBound;
  audit: Audit;
  clock: Clock;
}

const subjectOf = ({ session }: BindingView): string => `binding:${session.id}`;

export function createKeyBinding(n: KeyBindingNeeds): KeyBinding {
  return {
    async offer(view) {
      const known = (await n.authenticators.ofAccount(view.account.id)).filter(
        ({ kind, state }) => kind === 'webauthn' && state === 'active',
      );
      return n.keys.create(subjectOf(view), view.account, known, n.clock.now());
    },

    async bind(view, response, label, origin) {
      const { session, account } = view;
      if (session.state !== 'open') return refuse('binding_not_ready');
      const now = n.clock.now();
      const made = await n.bindWebauthn(subjectOf(view), account.id, response, now);
      const event = { action: 'authenticator.bound' as const, ...byAccount(account, origin) };
      if (!made.ok) {
        await n.audit({
          ...event,
          object: `account:${account.id}`,
          result: 'refused',
          detail: { kind: 'webauthn', reason: made.refusal.code },
        });
        return made;
      }
      const { id, credential } = made.value;
      if (!made.value.label) await n.authenticators.rename(id, account.id, label);
      if (!(await n.bindings.bound(session.id, id, now))) {
        await n.authenticators.move(id, ['pending'], 'revoked', now);
        return refuse('binding_not_ready');
      }
      await n.audit({
        ...event,
        object: `authenticator:${id}`,
        result: 'success',
        detail: { kind: 'webauthn', aaguid: credential.aaguid, isSynced: credential.isSynced },
      });
      return accept(undefined);
    },

    testOptions: (view) =>
      n.keys.request(subjectOf(view), view.authenticator ? [view.authenticator] : [], n.clock.now()),

    async test(view, response, origin) {
      const { session, account, authenticator } = view;
      if (session.state !== 'bound' || authenticator?.kind !== 'webauthn') return refuse('binding_not_ready');
      const now = n.clock.now();
      const verified = await n.verifyWebauthn(subjectOf(view), account.id, response, now);
      if (!verified.ok || verified.value.authenticator.id !== authenticator.id) return refuse('key_invalid');
      if (!(await n.bindings.complete(session, now))) return refuse('binding_not_ready');
      await n.announceBound(view, authenticator, verified.value.proof, origin);
      return accept(undefined);
    },
  };
}
