// Adds life to "Tonight": frames of the server replace what changed, ages count on, what grows old says so.
// Without it the page is whole; nothing here is needed to act.

const QUIET_MS = 15_000;        // without a frame for so long the connection counts as lost
const UNKNOWN_AFTER_MS = 15 * 60_000;
const MINUTE = 60_000, HOUR = 3_600_000, NBSP = "\u00a0";

const html = document.documentElement;
const texts = document.getElementById("texts").dataset;
const clock = document.getElementById("clock");
const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

// --- the server's time: between two frames it is computed at the pace seen so far ---------------------
const time = { now: Number(clock.dataset.now), at: performance.now(), pace: 1, seen: 1 };
let heard = performance.now();

function now() {
  return time.now + (performance.now() - time.at) * time.pace;
}

function tellTime(serverNow) {
  const at = performance.now();
  if (at - time.at > 500) {
    // the lesser of the last two: a clock that is set forward once must not make everything look old
    const seen = Math.max(0, (serverNow - time.now) / (at - time.at));
    time.pace = Math.min(seen, time.seen);
    time.seen = seen;
  }
  time.now = serverNow;
  time.at = at;
}

const formatters = new Map();
function format(at, zone, options) {
  const key = `${zone} ${JSON.stringify(options)}`;
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat(html.lang === "en" ? "en-GB" : "fr-FR", { timeZone: zone, ...options }));
  return formatters.get(key).format(at);
}

const hour = (at, zone) => format(at, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = (at, zone) => format(at, zone, { year: "numeric", month: "2-digit", day: "2-digit" });

function moment(at, zone) {
  if (day(at, zone) === day(now(), zone)) return hour(at, zone);
  const near = now() - at < 6 * 24 * HOUR;
  return `${format(at, zone, near ? { weekday: "long" } : { day: "numeric", month: "long" })} ${hour(at, zone)}`;
}

function duration(ms) {
  if (ms < MINUTE) return `${Math.floor(ms / 1000)}${NBSP}s`;
  return ms < HOUR ? `${Math.floor(ms / MINUTE)}${NBSP}min` : `${Math.floor(ms / HOUR)}${NBSP}h`;
}

function age(at, zone, style) {
  const ms = Math.max(0, now() - at);
  if (style === "span") return duration(ms);
  if (ms >= HOUR) {
    const then = moment(at, zone);
    if (style === "since") return texts.since.replace("{}", then);
    return style === "ago" ? texts.at.replace("{}", then) : then;
  }
  if (style === "since") return texts.for.replace("{}", duration(ms));
  return style === "ago" ? texts.ago.replace("{}", duration(ms)) : duration(ms);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// --- ages, and tiles that grow old between two frames -------------------------------------------------
function grow(tile) {
  if (!tile.dataset.measured || tile.dataset.fresh === "unknown") return;
  const old = now() - Number(tile.dataset.measured);
  const fresh = old > UNKNOWN_AFTER_MS ? "unknown" : old > Number(tile.dataset.staleAfter) ? "stale" : "fresh";
  if (fresh === "fresh" || fresh === tile.dataset.fresh) return;
  tile.dataset.fresh = fresh;
  tile.dataset.key = "";  // the next frame must replace what was changed here
  tile.classList.remove("is-alert", "is-watch", "is-stale");
  tile.classList.add(`is-${fresh}`);
  tile.querySelector("use").setAttribute("href", fresh === "stale" ? "#w-stale" : "#w-unk");
  const state = tile.querySelector(".state");
  const word = document.createElement("b");
  word.textContent = state.dataset[fresh];
  state.replaceChildren(word);
  const shown = tile.querySelector(".age time");
  if (shown) shown.dataset.age = fresh === "stale" ? "ago" : "since";
  if (fresh === "unknown") setText(tile.querySelector(".lvl"), tile.querySelector(".lvl").dataset.none);
}

function recount() {
  const tiles = [...document.querySelectorAll(".tile")];
  const counts = {
    occupied: tiles.filter((tile) => tile.dataset.fresh === "fresh" && tile.dataset.state === "occupied").length,
    stale: tiles.filter((tile) => tile.dataset.fresh === "stale").length,
    unknown: tiles.filter((tile) => tile.dataset.fresh === "unknown").length,
  };
  for (const [name, count] of Object.entries(counts)) {
    const figure = document.querySelector(`[data-count="${name}"]`);
    if (!figure) continue;
    const word = figure.nextElementSibling;
    const many = html.lang === "fr" ? count >= 2 : count !== 1;
    setText(figure, String(count));
    setText(word, many ? word.dataset.many : word.dataset.one);
  }
}

function tick() {
  setText(clock, hour(now(), clock.dataset.zone));
  document.querySelectorAll(".tile").forEach(grow);
  document.querySelectorAll("time[data-age]").forEach((element) => {
    const { at, zone, age: style } = element.dataset;
    setText(element, age(Number(at), zone, style));
  });
  recount();
  if (performance.now() - heard > QUIET_MS) lose();
}

// --- frames -------------------------------------------------------------------------------------------
function swap(id, text) {
  const old = document.getElementById(id);
  const holder = document.createElement("template");
  holder.innerHTML = text;
  const next = holder.content.firstElementChild;
  if (!old || !next || old.dataset.key === next.dataset.key) return;
  next.querySelectorAll('input[name="csrf"]').forEach((field) => { field.value = csrf; });
  const focused = old.contains(document.activeElement) ? document.activeElement.id : null;
  old.replaceWith(next);
  // whoever stood on a button stands on it again, or at the heading if it is gone
  if (focused !== null) (document.getElementById(focused) ?? document.getElementById(next.dataset.home ?? "content"))?.focus();
}

function show(frame) {
  tellTime(frame.now);
  heard = performance.now();
  find();
  for (const [id, text] of Object.entries(frame.fragments)) swap(id, text);
  const checked = document.getElementById("checked");
  if (checked) checked.dataset.at = frame.now;
  if (frame.announce.length) document.getElementById("announce").textContent = frame.announce.join(" ");
  tick();
}

const link = document.getElementById("link");
const lost = document.getElementById("lost");

function find() {
  setText(link, texts.live);
  document.getElementById("live").classList.remove("is-lost");
  lost.hidden = true;
}

function lose() {
  if (!lost.hidden) return;
  const last = hour(time.now, clock.dataset.zone);
  setText(link, texts.lost);
  document.getElementById("live").classList.add("is-lost");
  lost.textContent = texts.notice.replaceAll("{}", last);
  lost.hidden = false;
}

const source = new EventSource(`/api/v1/live?lang=${html.lang}`);
source.addEventListener("frame", (event) => show(JSON.parse(event.data)));
source.addEventListener("end", () => { source.close(); location.assign("/login"); });
source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) lose(); });

setInterval(tick, 1000);
