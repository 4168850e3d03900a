import type { BindTotp } from '../authenticators/totp/bind.ts';
import { makeTotpSecret, totpAddress } from '../authenticators/totp/code.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Organisation } from '../core/organisation.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { BindingView } from './binding.ts';
import type { AnnounceBound } from './bound.ts';

/** Enrolment of an app that shows six digits. */
export interface CodeBinding {
  /** The address for the QR code, and the same secret for typing: base 32. Stays the same on a reload. */
  offer(view: BindingView): Promise<{ address: string; secret: string }>;
  /** The first code that the app shows. Refusals: `code_wrong`, `binding_not_ready`. */
  bind(view: BindingView, code: string, label: string, origin: Origin): Promise<Result<void>>;
}

export function createCodeBinding(n: {
  bindings: BindingSessions;
  bindTotp: BindTotp;
  announceBound: AnnounceBound;
  clock: Clock;
  random: Random;
  organisation: Organisation;
}): CodeBinding {
  return {
    async offer({ session, account }) {
      const secret =
        (await n.bindings.totpSecret(session.id)) ??
        (await n.bindings.keepTotpSecret(session.id, makeTotpSecret(n.random)));
      return { address: totpAddress(secret, n.organisation.name, account.email), secret };
    },

    async bind(view, code, label, origin) {
      const { session, account } = view;
      const secret = await n.bindings.totpSecret(session.id);
      if (session.state !== 'open' || secret === undefined) return refuse('binding_not_ready');
      const now = n.clock.now();
      const made = n.bindTotp(account.id, secret, code, label, now);
      if (!made.ok) return made;
      if (!(await n.bindings.complete(session, now, made.value))) return refuse('binding_not_ready');
      await n.announceBound(view, made.value, 'totp', origin);
      return accept(undefined);
    },
  };
}
