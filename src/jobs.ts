import type { Dependencies } from './dependencies.ts';
import { sweep } from './store/sweep.ts';

/** What goes on beside requests: calls owed to web apps, signing keys, what has expired. Every instance does so. */
export interface Jobs {
  stop(): Promise<void>;
}

const SWEEP_EVERY_MS = 60_000;
const KEYS_EVERY_MS = 60_000;
const CALLS_EVERY_MS = 5_000;

export function startJobs(d: Dependencies): Jobs {
  const running = new Set<Promise<unknown>>();
  const run = (what: string, work: () => Promise<unknown>): void => {
    const done: Promise<unknown> = work()
      .catch((error: unknown) => d.log.warn({ err: error }, `could not ${what}`))
      .finally(() => running.delete(done));
    running.add(done);
  };

  const sweepNow = () => run('remove what has expired', () => sweep(d.database, d.clock.now()));
  const keysNow = () => run('renew the signing keys', () => d.keyRotation.rotateOld().then(d.openid.refreshKeys));
  let isCalling = false;
  const callNow = () => {
    if (isCalling) return;
    isCalling = true;
    run('call web apps', async () => {
      try {
        while ((await d.makeCalls()) > 0);
      } finally {
        isCalling = false;
      }
    });
  };

  const timers = [
    setInterval(sweepNow, SWEEP_EVERY_MS),
    setInterval(keysNow, KEYS_EVERY_MS),
    setInterval(callNow, CALLS_EVERY_MS),
  ];
  for (const timer of timers) timer.unref();
  const off = d.signals.on('client_calls', callNow);
  keysNow();
  callNow();
  return {
    async stop() {
      off();
      for (const timer of timers) clearInterval(timer);
      await Promise.all(running);
    },
  };
}
