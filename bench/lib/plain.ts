import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../../tests/support/ports.ts';
import type { Application } from './relying-party.ts';
import { NODE_FLAGS } from './server.ts';

export const PLAIN_SECRET = 'a secret of the bench and of nobody else';

/** oidc-provider alone, in a process of its own: what the protocol itself costs. With our flags of Node. */
export async function startPlainProvider(): Promise<{ application: Application; pid: number; stop(): void }> {
  const port = await freePort();
  const redirectUri = `https://localhost:${await freePort()}/callback`;
  const child = fork(join(import.meta.dirname, 'plain-provider.ts'), [String(port), redirectUri], {
    execArgv: [...NODE_FLAGS],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return {
    application: { issuer: `http://localhost:${port}`, clientId: 'web', secret: PLAIN_SECRET, redirectUri },
    pid: child.pid!,
    stop: () => void child.kill(),
  };
}
