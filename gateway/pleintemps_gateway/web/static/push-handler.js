// What the service worker does with a pushed message; it takes this file in by importScripts().
self.addEventListener("push", (event) => {
  let told;
  try {
    told = event.data.json();
  } catch {
    told = { title: "Plein Temps", body: "", url: "/alerts", tag: "unknown" };
  }
  const options = { body: told.body, tag: told.tag, renotify: true, icon: "/static/icon.svg", data: { url: told.url } };
  event.waitUntil(self.registration.showNotification(told.title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const target = new URL(event.notification.data?.url ?? "/alerts", self.location.origin);
  if (target.origin !== self.location.origin) return;
  event.waitUntil((async () => {
    for (const open of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) {
      if (new URL(open.url).pathname === target.pathname) return open.focus();
    }
    return self.clients.openWindow(target.href);
  })());
});
