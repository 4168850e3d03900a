import type { AuthenticationResponseJSON, PushGate } from '../authenticators/push/gate.ts';
import type { VerifyTransfer } from '../authenticators/push/verify-transfer.ts';
import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import { type Random, token256 } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { BindingSession, BindingSessions } from '../store/binding-sessions.ts';
import { type Audit, byPhone } from './audit.ts';
import { BINDING_SECONDS, type EnrolmentOffer, offerCode } from './binding.ts';
import type { Phone } from './companion.ts';
import type { Notify } from './notices.ts';

/** How far a phone has come in handing its account to another. */
export interface TransferView {
  readonly id: string;
  readonly expiresAt: Date;
  /** What the new phone scans, until it has. */
  readonly offer: EnrolmentOffer | undefined;
  /** The phone that scanned it, to be approved. */
  readonly newPhone: { readonly label: string; readonly thumbprint: string } | undefined;
}

/** Change of phone: the old one approves the new one, and its own key ends. No helpdesk, no computer. */
export interface Transfers {
  /** Refusal: `push_frozen`. */
  start(phone: Phone, origin: Origin): Promise<Result<TransferView>>;
  look(phone: Phone): Promise<TransferView | undefined>;
  /** Refusals: `transfer_not_ready`, `answer_invalid`, `gate_required`, `gate_invalid`, `push_frozen`. */
  approve(
    phone: Phone,
    answer: { readonly jws: string; readonly assertion?: AuthenticationResponseJSON | undefined },
    origin: Origin,
  ): Promise<Result<void>>;
  cancel(phone: Phone, origin: Origin): Promise<void>;
}

export interface TransfersNeeds {
  authenticators: Authenticators;
  bindings: BindingSessions;
  verifyTransfer: VerifyTransfer;
  gate: PushGate;
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
  publicUrl: string;
}

export function createTransfers(n: TransfersNeeds): Transfers {
  const viewOf = async (session: BindingSession): Promise<TransferView> => {
    const bound = session.authenticatorId ? await n.authenticators.byId(session.authenticatorId) : undefined;
    return {
      id: session.id,
      expiresAt: session.expiresAt,
      offer: session.state === 'open' ? await offerCode(n, session) : undefined,
      newPhone: bound?.thumbprint ? { label: bound.label, thumbprint: bound.thumbprint } : undefined,
    };
  };
  const look: Transfers['look'] = async ({ authenticator }) => {
    const session = await n.bindings.transferOf(authenticator.id, n.clock.now());
    return session && viewOf(session);
  };

  return {
    look,

    async start(phone, origin) {
      const { account, authenticator } = phone;
      if (account.pushFrozenAt || authenticator.state !== 'active') return refuse('push_frozen');
      const now = n.clock.now();
      await n.bindings.endTransfers(authenticator.id);
      const isOpen = await n.bindings.add(
        {
          id: n.random.uuid(),
          accountId: account.id,
          loginUid: null,
          basis: 'mfa',
          replacesId: authenticator.id,
          expiresAt: addSeconds(now, BINDING_SECONDS),
        },
        { authenticator: authenticator.id },
        // No browser ever holds it: what comes next is signed by the old phone.
        token256(n.random),
        now,
      );
      if (!isOpen) return refuse('push_frozen');
      await n.audit({
        action: 'transfer.started',
        object: `authenticator:${authenticator.id}`,
        result: 'success',
        ...byPhone(phone, origin),
      });
      const started = await look(phone);
      return started ? accept(started) : refuse('transfer_not_ready');
    },

    async approve(phone, { jws, assertion }, origin) {
      const { account, authenticator } = phone;
      if (account.pushFrozenAt) return refuse('push_frozen');
      const now = n.clock.now();
      const session = await n.bindings.transferOf(authenticator.id, now);
      const next = session?.authenticatorId ? await n.authenticators.byId(session.authenticatorId) : undefined;
      if (!session || !next?.thumbprint) return refuse('transfer_not_ready');
      const event = {
        action: 'transfer.approved' as const,
        object: `authenticator:${next.id}`,
        ...byPhone(phone, origin),
        detail: { evidence: jws, replaced: authenticator.id, label: next.label },
      };
      const signed = await n.verifyTransfer(jws, authenticator, { transfer: session.id, key: next.thumbprint });
      if (!signed.ok) {
        await n.audit({ ...event, result: 'refused' });
        return signed;
      }
      if (authenticator.gate) {
        const passed = assertion ? await n.gate.verify(authenticator.gate, jws, assertion) : refuse('gate_required');
        if (!passed.ok) return passed;
        await n.authenticators.countGate(authenticator.id, passed.value);
      }
      if (!(await n.bindings.complete(session, now))) return refuse('transfer_not_ready');
      await n.audit({ ...event, result: 'success' });
      n.notify(account, { kind: 'phone_replaced', label: next.label, ip: origin.ip });
      return accept(undefined);
    },

    async cancel(phone, origin) {
      if (!(await n.bindings.endTransfers(phone.authenticator.id))) return;
      await n.audit({
        action: 'transfer.cancelled',
        object: `authenticator:${phone.authenticator.id}`,
        result: 'success',
        ...byPhone(phone, origin),
      });
    },
  };
}
