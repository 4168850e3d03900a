import { ALERT_KINDS, type AlertKind, type AlertThresholds } from '../core/alert-rules.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { cut } from '../core/text.ts';
import { COUNTED } from '../policy/alert-rules.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Alert, Alerts as AlertStore, Peak } from '../store/alerts.ts';
import type { AuditChain } from '../store/audit-chain.ts';
import { type Actor, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';
import type { Notify } from './notices.ts';

export interface Alerts {
  /** Looks for what looks like abuse, and tells those who administer. Every minute, by one instance. */
  look(): Promise<void>;
  list(isOpen: boolean | undefined, limit: number): Promise<Alert[]>;
  countOpen(): Promise<number>;
  /** What a kind counts in the audit log; undefined where it looks elsewhere. */
  counted(kind: AlertKind): (typeof COUNTED)[keyof typeof COUNTED] | undefined;
  /** Somebody has looked into it. Refusals: `alert_unknown`, `reason_missing`. */
  acknowledge(id: string, note: string, by: Actor): Promise<Result<Alert>>;
}

export interface AlertsNeeds {
  alerts: AlertStore;
  accounts: Accounts;
  auditChain: AuditChain;
  audit: Audit;
  notify: Notify;
  clock: Clock;
  thresholds: AlertThresholds;
  /** The server's own log says too little to find anything back. */
  isLogOff: boolean;
}

/** An event that has no place in the chain after this long: nobody links. */
const LATE_SECONDS = 300;

export function createAlerts(n: AlertsNeeds): Alerts {
  const isLoggingDisabled = async (now: Date): Promise<boolean> => {
    const { since } = await n.auditChain.pending();
    return (
      n.isLogOff || !(await n.auditChain.isGuarded()) || (since !== null && since < addSeconds(now, -LATE_SECONDS))
    );
  };

  const peaksOf = async (kind: AlertKind, now: Date): Promise<Peak[]> => {
    const { count, minutes } = n.thresholds[kind];
    if (count === 0) return [];
    if (kind !== 'logging_disabled') return n.alerts.peaks(kind, COUNTED[kind], addSeconds(now, -minutes * 60), count);
    return (await isLoggingDisabled(now)) ? [{ subject: 'all', count: 1, firstAt: now, lastAt: now }] : [];
  };

  const subjectInWords = async (subject: string): Promise<string> => {
    const [kind, id = ''] = subject.split(':');
    return kind === 'account' ? ((await n.accounts.byId(id))?.email ?? subject) : subject;
  };

  const raise = async (kind: AlertKind, peak: Peak, now: Date): Promise<void> => {
    const alert = await n.alerts.raise(kind, peak, now);
    if (!alert) return;
    await n.audit({
      action: 'alert.raised',
      object: `alert:${alert.id}`,
      result: 'success',
      origin: 'system',
      actor: 'system',
      detail: { kind, subject: peak.subject, count: peak.count },
    });
    const subject = await subjectInWords(peak.subject);
    for (const account of await n.accounts.withRole(['owner', 'administrator']))
      n.notify(account, { kind: 'alert', alert: kind, subject, count: peak.count });
  };

  return {
    async look() {
      await n.alerts.alone(async () => {
        const now = n.clock.now();
        for (const kind of ALERT_KINDS) for (const peak of await peaksOf(kind, now)) await raise(kind, peak, now);
      });
    },

    list: n.alerts.list,
    countOpen: n.alerts.countOpen,
    counted: (kind) => (kind === 'logging_disabled' ? undefined : COUNTED[kind]),

    async acknowledge(id, note, by) {
      const words = cut(note.trim(), 1000);
      if (words.length < 3) return refuse('reason_missing');
      const alert = await n.alerts.acknowledge(id, by.actor, words, n.clock.now());
      if (!alert) return refuse('alert_unknown');
      await n.audit({
        action: 'alert.acknowledged',
        object: `alert:${id}`,
        result: 'success',
        ...doneBy(by),
        detail: { kind: alert.kind, subject: alert.subject, note: words },
      });
      return accept(alert);
    },
  };
}
