import { setTimeout } from 'node:timers/promises';

/** A body of which half is sent, and the other half after what happens meanwhile. Long enough for a server to have looked at its head. */
export function heldBack(text: string, meanwhile: () => Promise<unknown>): RequestInit {
  const half = Math.floor(text.length / 2);
  const body = new ReadableStream<Uint8Array>({
    async start(stream) {
      const bytes = new TextEncoder().encode(text);
      stream.enqueue(bytes.subarray(0, half));
      await setTimeout(300);
      await meanwhile();
      stream.enqueue(bytes.subarray(half));
      stream.close();
    },
  });
  return { method: 'POST', body, duplex: 'half' } as RequestInit;
}
