import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditEvent } from '../core/audit.ts';
import { AUDIT_ACTIONS } from '../core/audit-actions.ts';

/** An event, and when it happened. */
export type Happened = AuditEvent<string> & { readonly at: Date };

/** What a gauge reads when it is asked: a number, or one for each set of labels. */
export type Reading = number | readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];

export interface Metrics {
  /** Counts what the audit log says: each event once, in whichever instance gave it its place. */
  happened(events: readonly Happened[]): void;
  /** One answer over HTTP. @param seconds from its first byte to its last */
  answered(request: { method: string; route: string; code: number; seconds: number }): void;
  /**
   * Something that is looked up when Prometheus asks.
   * @param of `process`: added up over processes; `installation`: the same whoever looks
   */
  watch(
    gauge: { name: string; help: string; labels?: readonly string[]; of?: 'process' | 'installation' },
    read: () => Promise<Reading> | Reading,
  ): void;
  readonly registry: Registry;
}

/** How each action that shows a factor is called. */
const FACTORS: Readonly<Record<string, string>> = {
  'password.verified': 'password',
  'code.verified': 'totp',
  'key.verified': 'key',
  'recovery_code.used': 'recovery_code',
  'temporary_pass.used': 'temporary_pass',
};
/** From a fast page to a refused wait for a password. Seconds. */
const ANSWER_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From a push service that answers at once to somebody who looks for their phone. Seconds. */
const LEG_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300];

export interface MetricsOptions {
  /** Of this server. */
  readonly version: string;
  /** Which of several processes this is: each has series of its own, so that one that ends takes only its own along. */
  readonly worker: string | undefined;
  /** Hears why something could not be looked up; it is left out then, and the rest is told. */
  onFault(error: unknown, name: string): void;
}

/** The figures of one process, for Prometheus. Names and units follow its conventions; no label comes from outside. */
export function createMetrics({ version, worker, onFault }: MetricsOptions): Metrics {
  const registry = new Registry();
  if (worker !== undefined) registry.setDefaultLabels({ worker });
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Called like counters, which they are not.
  for (const name of ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'])
    registry.removeSingleMetric(name);
  new Gauge({
    name: 'dubbelslot_build_info',
    help: 'Always 1: the version that runs.',
    labelNames: ['version', 'node'],
    aggregator: 'first',
    registers,
  }).set({ version, node: process.versions.node }, 1);
  const answers = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Answers over HTTP. 429: somebody must wait; 503: too much to do.',
    labelNames: ['method', 'route', 'code'],
    buckets: ANSWER_BUCKETS,
    registers,
  });
  const events = new Counter({
    name: 'dubbelslot_audit_events_total',
    help: 'Events of the audit log, when they get their place in its chain.',
    labelNames: ['action', 'result'],
    registers,
  });
  const signIns = new Counter({
    name: 'dubbelslot_sign_ins_total',
    help: 'Sign-ins that ended, by how, and how strongly somebody signed in.',
    labelNames: ['outcome', 'acr'],
    registers,
  });
  const factors = new Counter({
    name: 'dubbelslot_factor_checks_total',
    help: 'Passwords, codes and keys that were tried. throttled: not looked at, because of the tries before it.',
    labelNames: ['factor', 'outcome'],
    registers,
  });
  const challenges = new Counter({
    name: 'dubbelslot_challenges_total',
    help: 'Approvals that were asked of phones, by what became of them.',
    labelNames: ['outcome'],
    registers,
  });
  const pushes = new Counter({
    name: 'dubbelslot_pushes_total',
    help: 'Messages handed to push services, by what they said.',
    labelNames: ['delivery'],
    registers,
  });
  const legs = new Histogram({
    name: 'dubbelslot_challenge_leg_seconds',
    help: 'push: asked until the push service has it. answer: asked until the phone answers. resume: answered until the laptop goes on.',
    labelNames: ['leg'],
    buckets: LEG_BUCKETS,
    registers,
  });

  // A series that is not there until it first counts hides that first time from Prometheus.
  for (const action of AUDIT_ACTIONS) {
    const [subject, outcome = ''] = action.split('.');
    if (subject === 'challenge') challenges.inc({ outcome }, 0);
  }
  for (const delivery of ['accepted', 'gone', 'failed', 'refused']) pushes.inc({ delivery }, 0);

  const leg = (name: string, seconds: unknown): void => {
    if (typeof seconds === 'number' && seconds >= 0) legs.observe({ leg: name }, seconds);
  };
  const challengeHappened = (outcome: string, { at, detail }: Happened): void => {
    challenges.inc({ outcome });
    const asked = (detail?.context as { at?: string } | undefined)?.at;
    if (asked && outcome !== 'answer_refused') leg('answer', (at.getTime() - Date.parse(asked)) / 1000);
    if (outcome === 'used') leg('resume', detail?.seconds);
  };

  return {
    registry,
    happened(all) {
      for (const event of all) {
        const { action, result, detail } = event;
        events.inc({ action, result });
        const factor = FACTORS[action];
        if (factor) factors.inc({ factor, outcome: detail?.reason === 'wait' ? 'throttled' : result });
        const [subject, verb = ''] = action.split('.');
        if (subject === 'challenge') challengeHappened(verb, event);
        if (subject === 'sign_in') {
          const acr = typeof detail?.acr === 'string' ? (detail.acr.split(':').at(-1) ?? '') : '';
          signIns.inc({ outcome: verb, acr });
        }
        if (action === 'push.sent') {
          pushes.inc({ delivery: String(detail?.delivery) });
          if (result === 'success') leg('push', detail?.seconds);
        }
      }
    },
    answered: ({ method, route, code, seconds }) => answers.observe({ method, route, code }, seconds),
    watch({ name, help, labels = [], of = 'process' }, read) {
      new Gauge({
        name,
        help,
        labelNames: [...labels],
        aggregator: of === 'installation' ? 'first' : 'sum',
        registers,
        async collect() {
          this.reset();
          const reading = await Promise.resolve()
            .then(read)
            .catch((error: unknown) => onFault(error, name));
          if (reading === undefined) return;
          if (typeof reading === 'number') this.set(reading);
          else for (const { labels: set, value } of reading) this.set(set, value);
        },
      });
    },
  };
}
