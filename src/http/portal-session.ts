import type { SessionStore } from '@fastify/session';
import type { Session } from 'fastify';
import { addSeconds, type Clock } from '../core/clock.ts';

/** Where `@fastify/session` keeps what it keeps; given from the composition root, because http knows no store. */
export interface PortalSessionKeeper {
  put(id: string, data: object, opUid: string | undefined, expiresAt: Date): Promise<void>;
  find(id: string, now: Date): Promise<object | undefined>;
  remove(id: string): Promise<void>;
}

/** NIST SP 800-63B-4, section 2.2.3: an hour without activity ends it; the OP session has the absolute limit. */
export const PORTAL_IDLE_SECONDS = 3600;

export function createPortalSessionStore(keeper: PortalSessionKeeper, clock: Clock): SessionStore {
  const settle = <T>(work: Promise<T>, callback: (error: Error | null, value?: T) => void): void => {
    work.then(
      (value) => callback(null, value),
      (error: Error) => callback(error),
    );
  };
  return {
    set(id, session, callback) {
      const { signedIn } = session as Session;
      const data = JSON.parse(JSON.stringify(session)) as object;
      settle(keeper.put(id, data, signedIn?.opUid, addSeconds(clock.now(), PORTAL_IDLE_SECONDS)), callback);
    },
    get(id, callback) {
      settle(keeper.find(id, clock.now()), (error, data) => callback(error, (data ?? null) as Session | null));
    },
    destroy(id, callback) {
      settle(keeper.remove(id), callback);
    },
  };
}
