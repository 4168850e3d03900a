import http from 'node:http';
import https from 'node:https';
import webpush from 'web-push';
import { publicLookup } from '../../core/addresses.ts';
import type { Clock } from '../../core/clock.ts';
import type { PushSubscription } from '../../store/push-subscriptions.ts';
import { type EndpointRules, isEndpointAllowed } from './endpoint.ts';

export interface VapidKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

export const makeVapidKeys = (): VapidKeys => webpush.generateVAPIDKeys();

/** `gone`: the subscription is dead (404, 410). `failed`: it may work next time. `refused`: the endpoint is not allowed. */
export type Delivery = 'accepted' | 'gone' | 'failed' | 'refused';

export interface PushMessage {
  readonly challengeId: string;
  readonly title: string;
  readonly body: string;
  readonly ttlSeconds: number;
  /** Replaces an undelivered message with the same topic (RFC 8030, section 5.4): 32 base64url characters at most. */
  readonly topic: string;
}

/** Encrypts a message for one phone and hands it to its push service. Never throws. */
export type DeliverPush = (
  subscription: PushSubscription,
  message: PushMessage,
) => Promise<{ delivery: Delivery; detail: string }>;

const TIMEOUT_MS = 8000;
const LARGEST_ANSWER = 16_384;
/** RFC 8292 allows 24 hours; Apple asks that a token is not renewed more than once an hour. */
const TOKEN_LIFETIME_SECONDS = 12 * 3600;
const TOKEN_REUSE_SECONDS = 6 * 3600;

export function createDeliverPush(
  keys: VapidKeys,
  contact: string,
  publicUrl: string,
  rules: EndpointRules,
  clock: Clock,
): DeliverPush {
  const authorization = vapidTokens(keys, contact, clock);
  return async (subscription, message) => {
    if (!isEndpointAllowed(subscription.endpoint, rules))
      return { delivery: 'refused', detail: 'endpoint not allowed' };
    try {
      const { endpoint, p256dh, auth } = subscription;
      // The shape of declarative web push: iOS shows it by itself, elsewhere our service worker reads it.
      const payload = JSON.stringify({
        web_push: 8030,
        notification: {
          title: message.title,
          body: message.body,
          navigate: `${publicUrl}/app#c=${message.challengeId}`,
        },
        challenge: message.challengeId,
      });
      const request = webpush.generateRequestDetails({ endpoint, keys: { p256dh, auth } }, payload, {
        TTL: message.ttlSeconds,
        urgency: 'high',
        topic: message.topic,
        headers: { Authorization: authorization(new URL(endpoint).origin) },
      });
      const status = await post(endpoint, request.headers, request.body, endpoint.startsWith(`${rules.testOrigin}/`));
      if (status >= 200 && status < 300) return { delivery: 'accepted', detail: String(status) };
      return { delivery: status === 404 || status === 410 ? 'gone' : 'failed', detail: String(status) };
    } catch (error) {
      return { delivery: 'failed', detail: (error as { code?: string }).code ?? (error as Error).message };
    }
  };
}

/** One VAPID token for each push service's origin, made again after six hours. */
function vapidTokens(keys: VapidKeys, contact: string, clock: Clock): (origin: string) => string {
  const cache = new Map<string, { value: string; until: number }>();
  return (origin) => {
    const now = Math.floor(clock.now().getTime() / 1000);
    const cached = cache.get(origin);
    if (cached && cached.until > now) return cached.value;
    const { Authorization: value } = webpush.getVapidHeaders(
      origin,
      contact,
      keys.publicKey,
      keys.privateKey,
      'aes128gcm',
      now + TOKEN_LIFETIME_SECONDS,
    );
    cache.set(origin, { value, until: now + TOKEN_REUSE_SECONDS });
    return value;
  };
}

/** Our own transport: checked addresses, no redirects (node:https follows none), a time limit, a small answer. */
function post(endpoint: string, headers: object, body: Buffer | null, isTest: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const transport = endpoint.startsWith('http:') ? http : https;
    const request = transport.request(
      endpoint,
      {
        method: 'POST',
        headers: { ...headers },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(isTest ? {} : { lookup: publicLookup }),
      },
      (response) => {
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST_ANSWER) response.destroy();
        });
        response.on('close', () => resolve(response.statusCode ?? 0));
        response.on('error', () => resolve(response.statusCode ?? 0));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
