// The button of "Who is told" that lets this browser be told, or no more. Needs the page's service worker.
const box = document.querySelector("[data-push]");
const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

function bytes(text) {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
}

function say(name) {
  for (const text of box.querySelectorAll("[data-push-says]")) text.hidden = text.dataset.pushSays !== name;
}

async function send(method, address, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const answer = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${answer.status}`);
}

// What the gateway calls a subscription: the SHA-256 of its endpoint.
async function nameOf(endpoint) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(digest)].map((each) => each.toString(16).padStart(2, "0")).join("");
}

const own = (name) => document.querySelector(`form[action="/notifications/browsers/${name}/remove"]`);

// One that was made for another key of the gateway takes nothing of ours: it ends here.
function fits(made) {
  const key = made.options.applicationServerKey;
  const [mine, wanted] = [key ? new Uint8Array(key) : [], bytes(box.dataset.push)];
  return mine.length === wanted.length && wanted.every((each, at) => each === mine[at]);
}

async function subscribe() {
  const registration = await navigator.serviceWorker.register("/sw.js");
  await navigator.serviceWorker.ready;
  const old = await registration.pushManager.getSubscription();
  if (old && !fits(old)) await old.unsubscribe();
  const options = { userVisibleOnly: true, applicationServerKey: bytes(box.dataset.push) };
  const made = await registration.pushManager.subscribe(options);
  const { endpoint, keys } = made.toJSON();
  await send("POST", "/api/v1/push-subscriptions", { endpoint, p256dh: keys.p256dh, auth: keys.auth });
  location.reload();
}

async function present() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function look() {
  const button = box.querySelector("button");
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return say("impossible");
  if (Notification.permission === "denied") return say("denied");
  const made = await present();
  const form = made && fits(made) ? own(await nameOf(made.endpoint)) : null;
  if (form) {
    say("on");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await made.unsubscribe().catch(() => false);  // the gateway forgets it in any case
      form.submit();
    }, { once: true });
    return undefined;
  }
  say("ready");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await subscribe();
    } catch {
      say(Notification.permission === "denied" ? "denied" : "failed");
      button.disabled = false;
    }
  });
  return undefined;
}

if (box) look();
