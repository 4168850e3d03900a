// The service worker: wakes the phone, and keeps the app's own files for when there is no network.
const VERSION = '__VERSION__';
const KEEP = '__KEEP__';
const CACHE = `dubbelslot-${VERSION}`;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(['/app', ...KEEP]))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys())
        if (name.startsWith('dubbelslot-') && name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

// The network first, always: what is kept is only for when there is none. Calls to the server are never kept.
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin || url.pathname.startsWith('/app/api/')) return;
  event.respondWith(
    (async () => {
      try {
        const response = await fetch(event.request);
        if (response.ok && (url.pathname === '/app' || KEEP.includes(url.pathname))) {
          const copy = response.clone();
          event.waitUntil(caches.open(CACHE).then((cache) => cache.put(url.pathname, copy)));
        }
        return response;
      } catch (error) {
        const kept = await caches.match(url.pathname, { cacheName: CACHE });
        if (kept) return kept;
        throw error;
      }
    })(),
  );
});

const windows = () => self.clients.matchAll({ type: 'window', includeUncontrolled: true });
const isApp = (client) => new URL(client.url).pathname === '/app';

self.addEventListener('push', (event) => {
  let message = {};
  try {
    message = event.data.json();
  } catch {
    // A push without words is shown all the same: Safari takes the permission away from a silent one.
  }
  const { title = 'Dubbelslot', body = '' } = message.notification ?? {};
  event.waitUntil(
    (async () => {
      await self.registration.showNotification(title, {
        body,
        tag: message.challenge ?? 'dubbelslot',
        renotify: true,
        requireInteraction: true,
        icon: '/assets/icons/icon-192.png',
        badge: '/assets/icons/badge-96.png',
        data: { id: message.challenge },
      });
      for (const client of await windows()) client.postMessage({ type: 'challenge', id: message.challenge });
    })(),
  );
});

// Approving happens in the page, never in the notification: there is a number to type.
self.addEventListener('notificationclick', (event) => {
  const { id } = event.notification.data ?? {};
  event.notification.close();
  event.waitUntil(
    (async () => {
      const open = (await windows()).find(isApp);
      if (!open) return self.clients.openWindow(id ? `/app#c=${encodeURIComponent(id)}` : '/app');
      await open.focus().catch(() => {});
      return open.postMessage({ type: 'challenge', id, isTapped: true });
    })(),
  );
});

// The browser changed the subscription; an open app sends the new one, else the next opening does.
self.addEventListener('pushsubscriptionchange', (event) => {
  event.waitUntil(
    (async () => {
      for (const client of await windows()) client.postMessage({ type: 'challenge' });
    })(),
  );
});
