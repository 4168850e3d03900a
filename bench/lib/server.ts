import { type ChildProcess, spawn } from 'node:child_process';

export interface RunningServer {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Milliseconds from its start to its first "ready". */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** `src/main.ts` as an operator starts it. @param flags of Node */
export async function startServer(
  environment: Record<string, string>,
  flags: readonly string[] = [],
): Promise<RunningServer> {
  const began = performance.now();
  const server = spawn(process.execPath, [...flags, 'src/main.ts'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
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
