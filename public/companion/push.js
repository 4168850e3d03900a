// Notifications: asked for only after a tap, and only when there is an account to be woken for.
import { fromBase64url } from './crypto.js';

export const canNotify = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
export const permission = () => (canNotify() ? Notification.permission : 'unsupported');

/** This browser's subscription, made if allowed; undefined where notifications are off. */
export async function subscriptionFor(vapidPublicKey, { ask, isDead }) {
  if (!canNotify()) return undefined;
  if (permission() === 'default' && ask) await Notification.requestPermission();
  if (permission() !== 'granted') return undefined;
  const registration = await navigator.serviceWorker.ready;
  const existing = await registration.pushManager.getSubscription();
  if (existing && !isDead) return existing;
  await existing?.unsubscribe();
  return registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: fromBase64url(vapidPublicKey),
  });
}

/** Takes away the notification of a request that has been dealt with. */
export async function clearNotifications(id) {
  if (!canNotify() || permission() !== 'granted') return;
  const registration = await navigator.serviceWorker.ready;
  for (const notification of await registration.getNotifications({ tag: id })) notification.close();
  await navigator.clearAppBadge?.().catch(() => {});
}
