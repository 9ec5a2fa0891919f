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

async function subscribe() {
  const registration = await navigator.serviceWorker.register("/sw.js");
  await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: bytes(box.dataset.push) };
  const made = await registration.pushManager.subscribe(options);
  const { endpoint, keys } = made.toJSON();
  await send("POST", "/api/v1/push-subscriptions", { endpoint, p256dh: keys.p256dh, auth: keys.auth });
  location.reload();
}

if (box) {
  const button = box.querySelector("button");
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) say("impossible");
  else if (Notification.permission === "denied") say("denied");
  else {
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
  }
}
