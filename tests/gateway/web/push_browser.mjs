// A browser of few lines: what push.js asks of one. GIVEN says how it stands; what was done is printed as JSON.
const log = [], said = ["ready", "on", "denied", "impossible", "failed"].map((name) => ({ hidden: true, dataset: { pushSays: name } }));
const acts = {};
const listens = (name) => ({ hidden: true, addEventListener: (kind, act) => { acts[kind] = act; }, submit: () => log.push("sent") });
const button = listens("button"), forms = Object.fromEntries(GIVEN.listed.map((name) => [name, listens(name)]));
const made = (key) => ({ endpoint: GIVEN.endpoint, options: { applicationServerKey: Uint8Array.from(key).buffer },
  unsubscribe: async () => { log.push("unsubscribed"); return true; },
  toJSON: () => ({ endpoint: GIVEN.endpoint, keys: { p256dh: "p", auth: "a" } }) });
const pushManager = { getSubscription: async () => GIVEN.key && made(GIVEN.key), subscribe: async (options) => made(options.applicationServerKey) };
const box = { dataset: { push: GIVEN.wanted }, querySelector: () => button, querySelectorAll: () => said };
globalThis.document = { querySelector: (text) => text === "[data-push]" ? box : text.startsWith("meta") ? { content: "c" } : forms[text.split("/")[3]] ?? null };
globalThis.window = { PushManager: 1 };
globalThis.Notification = { permission: "default" };
globalThis.location = { reload: () => log.push("reloaded") };
globalThis.fetch = async (address, { method }) => { log.push(`${method} ${address}`); return { ok: GIVEN.ok }; };
Object.defineProperty(globalThis, "navigator", { value: { serviceWorker: { register: async () => ({ pushManager }), ready: Promise.resolve(),
  getRegistration: async () => ({ pushManager }) } } });
await import(GIVEN.script);
// a digest is made in a thread: until then there is nothing to press
while (!acts.click && !acts.submit) await new Promise((done) => setTimeout(done, 1));
await (acts.click ?? acts.submit)({ preventDefault() {} });
console.log(JSON.stringify({ log, says: said.filter((each) => !each.hidden).map((each) => each.dataset.pushSays), offered: !button.hidden }));
