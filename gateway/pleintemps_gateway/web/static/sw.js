// The worker of the installed page. Before it stands `const SHELL = {version, files, offline}`, written by the server.
//
// It keeps files of the shell and the page for "no connection", and nothing else: no page of a log-in, no answer
// of the API. Files are named with their content's hash, so none is ever old; another version is another cache.

importScripts("/static/push-handler.js");  // what a pushed message shows

const CACHE = `pleintemps-shell-${SHELL.version}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([...SHELL.files, SHELL.offline])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("pleintemps-shell-") && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

async function fromShell(request) {
  return (await caches.match(request)) ?? fetch(request);
}

async function page(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(SHELL.offline);
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/static/")) event.respondWith(fromShell(request));
  else if (request.mode === "navigate") event.respondWith(page(request));
});
