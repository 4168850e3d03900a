import pg from 'pg';

/**
 * News across instances, over PostgreSQL's LISTEN/NOTIFY. A signal says only that something changed
 * (`challenge:<id>`, `binding:<id>`, `account:<id>`); the listener reads the row itself, so a signal that is lost
 * or doubled does no harm.
 */
export interface Signals {
  /** @returns how to stop listening */
  on(topic: string, listener: () => void): () => void;
  close(): Promise<void>;
}

const RECONNECT_AFTER_MS = 500;

export async function openSignals(url: string, onError: (error: Error) => void): Promise<Signals> {
  const listeners = new Map<string, Set<() => void>>();
  let client: pg.Client | undefined;
  let closed = false;

  const connect = async (): Promise<void> => {
    if (closed) return;
    const next = new pg.Client({ connectionString: url, application_name: 'dubbelslot signals', keepAlive: true });
    const lost = (error?: Error): void => {
      if (client !== next || closed) return;
      client = undefined;
      if (error) onError(error);
      setTimeout(() => void connect().catch(retry), RECONNECT_AFTER_MS).unref();
    };
    next.on('error', lost);
    next.on('end', () => lost());
    next.on('notification', ({ payload }) => {
      for (const listener of listeners.get(payload ?? '') ?? []) listener();
    });
    await next.connect();
    await next.query('LISTEN dubbelslot');
    client = next;
    // What was said while nobody listened: everybody looks once.
    for (const each of listeners.values()) for (const listener of each) listener();
  };
  const retry = (error: Error): void => {
    onError(error);
    if (!closed) setTimeout(() => void connect().catch(retry), RECONNECT_AFTER_MS).unref();
  };

  await connect();
  return {
    on(topic, listener) {
      const set = listeners.get(topic) ?? new Set();
      listeners.set(topic, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0) listeners.delete(topic);
      };
    },
    async close() {
      closed = true;
      await client?.end();
    },
  };
}
