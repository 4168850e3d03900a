import type { Provider } from 'oidc-provider';
import type { AuditEvent } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { ClientCall, ClientCalls } from '../store/client-calls.ts';
import type { OidcPayload, OidcPayloads } from '../store/oidc-payloads.ts';
import { originals } from './original-calls.ts';

/**
 * Makes the calls that are owed to web apps and due, some at a time: logout tokens, and word that an approval was
 * answered. @returns how many were due
 */
export type MakeCalls = () => Promise<number>;

export interface MakeCallsNeeds {
  readonly current: () => Provider;
  readonly calls: ClientCalls;
  readonly payloads: OidcPayloads;
  readonly audit: (event: AuditEvent) => Promise<void>;
  readonly clock: Clock;
  /** For the doctor and the log: why it did not arrive. */
  onFailure(clientId: string, kind: ClientCall['kind'], error: Error): void;
}

/** Seconds until the next try, after each; about a day in all. A logout token lives for two minutes: each is new. */
const WAITS: readonly number[] = [5, 30, 120, 600, 1800, 3600, 3600 * 3, 3600 * 6, 3600 * 12];
/** Longer than any call takes: another instance takes over what one did not finish. */
const LEASE_SECONDS = 30;
const AT_ONCE = 20;

export function createMakeCalls(n: MakeCallsNeeds): MakeCalls {
  /** @returns false where there is nothing to tell any more: disabled or changed meanwhile, or the request expired */
  const make = async (call: ClientCall): Promise<boolean> => {
    const provider = n.current();
    const client = await provider.Client.find(call.clientId);
    const original = originals.get(provider);
    if (!client || !original) return false;
    if (call.kind === 'logout') {
      if (!client.backchannelLogoutUri) return false;
      await original.backchannelLogout.call(client, call.accountId, call.sid ?? '');
      return true;
    }
    const payload = await n.payloads.find('BackchannelAuthenticationRequest', call.requestId ?? '', n.clock.now());
    if (!payload) return false;
    await original.backchannelPing.call(client, request(provider, payload));
    return true;
  };

  const settle = async (call: ClientCall): Promise<void> => {
    const event = {
      object: `client:${call.clientId}`,
      origin: 'system',
      actor: 'system',
      accountId: call.accountId,
      detail: { kind: call.kind, attempts: call.attempts, sid: call.sid },
    };
    try {
      const isTold = await make(call);
      await n.calls.done(call.id);
      await n.audit({
        ...event,
        action: isTold ? 'client.told' : 'client.not_told',
        result: isTold ? 'success' : 'failure',
      });
    } catch (error) {
      n.onFailure(call.clientId, call.kind, error as Error);
      const wait = WAITS[call.attempts - 1];
      if (wait !== undefined) return n.calls.retryAt(call.id, addSeconds(n.clock.now(), wait));
      await n.calls.done(call.id);
      await n.audit({ ...event, action: 'client.told', result: 'failure' });
    }
  };

  return async () => {
    const now = n.clock.now();
    const due = await n.calls.take(now, addSeconds(now, LEASE_SECONDS), AT_ONCE);
    await Promise.all(due.map(settle));
    return due.length;
  };
}

const request = (provider: Provider, payload: OidcPayload): { jti: string; accountId: string } =>
  new provider.BackchannelAuthenticationRequest(payload as never) as never;
