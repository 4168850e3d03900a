import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RunningServer {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Milliseconds from its start to its first "ready". */
  readonly startMs: number;
  stop(): Promise<void>;
}

const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  scripts: { start: string };
};
/** `node <flags> src/main.ts`, as `npm start` says. */
const START = scripts.start.split(' ').slice(1);
export const NODE_FLAGS: readonly string[] = START.slice(0, -1);

/** The server as an operator starts it. @param flags more of Node's */
export async function startServer(
  environment: Record<string, string>,
  flags: readonly string[] = [],
): Promise<RunningServer> {
  const began = performance.now();
  const server = spawn(process.execPath, [...NODE_FLAGS, ...flags, ...START.slice(-1)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // A bench that fails leaves nothing behind.
  const kill = (): boolean => server.kill('SIGTERM');
  process.once('exit', kill);
  server.once('exit', () => process.off('exit', kill));
  for (;;) {
    const isReady = await fetch(`http://localhost:${environment.PORT}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    if (server.exitCode !== null) throw new Error('the server did not start');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const startMs = performance.now() - began;
  return {
    process: server,
    pid: server.pid!,
    startMs,
    stop: () =>
      new Promise((resolve) => {
        server.once('exit', () => resolve());
        server.kill('SIGTERM');
      }),
  };
}
