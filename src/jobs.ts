import type { Dependencies } from './dependencies.ts';
import { isOfficeHour } from './policy/office-hours.ts';
import { sweep } from './store/sweep.ts';

/**
 * What goes on beside requests: the audit log's chain, calls owed to web apps, signing keys, what has expired. Every
 * instance does so.
 */
export interface Jobs {
  stop(): Promise<void>;
}

const SWEEP_EVERY_MS = 60_000;
const KEYS_EVERY_MS = 60_000;
const CALLS_EVERY_MS = 5_000;
const LINK_EVERY_MS = 1_000;
const CHECKPOINT_EVERY_MS = 60_000;
const REMIND_EVERY_MS = 60_000;
const SYNC_EVERY_MS = 60_000;
const ALERTS_EVERY_MS = 60_000;
const COVERAGE_EVERY_MS = 4 * 3600_000;
const ERASE_EVERY_MS = 3600_000;

export function startJobs(d: Dependencies): Jobs {
  const running = new Set<Promise<unknown>>();
  let isStopping = false;
  const run = (what: string, work: () => Promise<unknown>): void => {
    const done: Promise<unknown> = work()
      .catch((error: unknown) => d.log.warn({ err: error }, `could not ${what}`))
      .finally(() => running.delete(done));
    running.add(done);
  };

  const keysNow = () => run('renew the signing keys', () => d.keyRotation.rotateOld().then(d.openid.refreshKeys));
  const checkpointNow = () => run('sign the audit log', () => d.auditIntegrity.checkpointIfDue());
  /** Never twice at the same time in one process. */
  const alone = (what: string, work: () => Promise<unknown>) => {
    let isBusy = false;
    return () => {
      if (isBusy) return;
      isBusy = true;
      run(what, () => work().finally(() => (isBusy = false)));
    };
  };
  const sweepNow = alone('remove what has expired', () =>
    sweep(d.database, d.clock.now(), { isStopping: () => isStopping }),
  );
  const callNow = alone('call web apps', async () => {
    while ((await d.makeCalls()) > 0 && !isStopping);
  });
  const deliverNow = alone('deliver to webhooks', async () => {
    while ((await d.webhookCalls.deliver()) > 0 && !isStopping);
  });
  const importNow = alone('import people', async () => {
    while ((await d.importing.work()) && !isStopping);
  });
  const mailNow = alone('send mails', d.deliverMails);
  const remindNow = alone('remind people', async () => {
    if (isOfficeHour(d.clock.now(), d.config.timeZone)) await d.campaigning.remind();
  });
  const syncNow = alone('read the directory', async () => d.directorySync?.runIfDue());
  const lookNow = () => run('look for abuse', d.alertWatch.look);
  const coverageNow = () => run('keep today’s coverage', d.coverage.keepToday);
  const eraseNow = alone('erase whoever left', async () => {
    while ((await d.erasure.eraseDue()) > 0 && !isStopping);
  });
  const linkNow = alone('link the audit log', d.linkAudit);

  const timers = [
    setInterval(sweepNow, SWEEP_EVERY_MS),
    setInterval(keysNow, KEYS_EVERY_MS),
    setInterval(callNow, CALLS_EVERY_MS),
    setInterval(linkNow, LINK_EVERY_MS),
    setInterval(deliverNow, LINK_EVERY_MS),
    setInterval(importNow, LINK_EVERY_MS),
    setInterval(syncNow, SYNC_EVERY_MS),
    setInterval(mailNow, CALLS_EVERY_MS),
    setInterval(remindNow, REMIND_EVERY_MS),
    setInterval(lookNow, ALERTS_EVERY_MS),
    setInterval(coverageNow, COVERAGE_EVERY_MS),
    setInterval(checkpointNow, CHECKPOINT_EVERY_MS),
    setInterval(eraseNow, ERASE_EVERY_MS),
  ];
  for (const timer of timers) timer.unref();
  const off = d.signals.on('client_calls', callNow);
  keysNow();
  callNow();
  mailNow();
  run('read the directory', async () => d.directorySync?.runAtStart());
  coverageNow();
  eraseNow();
  return {
    async stop() {
      isStopping = true;
      off();
      for (const timer of timers) clearInterval(timer);
      await Promise.all(running);
    },
  };
}
