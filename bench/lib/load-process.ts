import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { DUBBELSLOT, type Forms } from './forms.ts';
import type { Person } from './people.ts';
import type { Application } from './relying-party.ts';

export interface LoadOrder {
  readonly application: Application;
  readonly forms: Forms;
  readonly people: readonly Person[];
  /** Clients; each begins its next sign-in when the last is over. */
  readonly atOnce: number;
  /** Sign-ins that begin in a second, whatever happens to them; instead of `atOnce`. */
  readonly perSecond?: number;
  readonly count: number;
}

export interface LoadReport {
  readonly seconds: number;
  /** Of the load generator. */
  readonly cpuSeconds: number;
  readonly latenciesMs: readonly number[];
}

export interface Load {
  /** @param perSecond instead of `atOnce`: at a steady rate */
  signIns(atOnce: number, count: number, perSecond?: number): Promise<LoadReport>;
  stop(): void;
}

/** The load generator in a process of its own, so that what it costs is not taken for the server's. */
export function startLoad(application: Application, people: readonly Person[], forms: Forms = DUBBELSLOT): Load {
  const child: ChildProcess = fork(join(import.meta.dirname, 'load.ts'), { stdio: 'inherit' });
  let isFirst = true;
  return {
    signIns(atOnce, count, perSecond) {
      const answer = new Promise<LoadReport>((resolve, reject) => {
        child.once('message', ({ report, error }: { report?: LoadReport; error?: string }) =>
          report ? resolve(report) : reject(new Error(error)),
        );
        child.once('exit', () => reject(new Error('the load generator ended')));
      });
      child.send({ application, forms, atOnce, perSecond, count, ...(isFirst && { people }) });
      isFirst = false;
      return answer.finally(() => child.removeAllListeners('exit'));
    },
    stop: () => child.kill(),
  };
}
