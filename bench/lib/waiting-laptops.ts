/** Laptops that wait for a phone, a process of its own for `bench/waiting.ts`: one connection each, kept open. */
import { Agent, request } from 'node:http';

export interface WaitingOrder {
  readonly issuer: string;
  readonly laptops: readonly { readonly uid: string; readonly cookie: string }[];
}

const OPENED_AT_ONCE = 50;
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });

/** @returns once the stream is open; `heard` is called when it says that something changed */
function wait(issuer: string, { uid, cookie }: WaitingOrder['laptops'][number], heard: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(`${issuer}/interaction/${uid}/events`, { agent, headers: { cookie } }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`${response.statusCode} for a laptop that waits`));
      resolve();
      return response.on('data', (chunk: Buffer) => {
        if (chunk.includes('event: changed')) heard();
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

process.on('disconnect', () => process.exit());
process.on('message', async ({ issuer, laptops }: WaitingOrder) => {
  try {
    let next = 0;
    const open = async (): Promise<void> => {
      while (next < laptops.length) {
        const laptop = laptops[next++]!;
        await wait(issuer, laptop, () => process.send!({ heard: laptop.uid }));
      }
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, open));
    process.send!({ opened: laptops.length });
  } catch (error) {
    process.send!({ error: (error as Error).stack });
  }
});
