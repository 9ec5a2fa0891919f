// Adds life to "Tonight": frames of the server replace what changed, ages count on, what grows old says so.
// Without it the page is whole; nothing here is needed to act.
import { follow } from "./stream.js";

const QUIET_MS = 15_000;        // without a frame for so long the connection counts as lost
const UNKNOWN_AFTER_MS = 15 * 60_000;
const MINUTE = 60_000, HOUR = 3_600_000, NBSP = "\u00a0";

const html = document.documentElement;
const texts = document.getElementById("texts").dataset;
const clock = document.getElementById("now");
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

// --- tiles: their figures are kept beside the document, which is touched only where it changes ---------
const tiles = new Map();   // id -> {element, measured, staleAfter, fresh, state, given}
const seen = new Set();    // elements with ages that are on the screen now
const onScreen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) { seen.add(target); count(target); } else seen.delete(target);
  }
}, { rootMargin: "200px" });

function watch(element) {
  if (element.classList.contains("tile")) {
    const { measured, staleAfter, fresh, state } = element.dataset;
    tiles.set(element.id, { element, measured: measured ? Number(measured) : null, staleAfter: Number(staleAfter), fresh, state, given: null });
  }
  onScreen.observe(element);
}

function unwatch(element) {
  seen.delete(element);
  onScreen.unobserve(element);
}

function count(element) {
  for (const each of element.querySelectorAll("time[data-age]")) {
    const { at, zone, age: style } = each.dataset;
    setText(each, age(Number(at), zone, style));
  }
}

function freshness(tile) {
  if (tile.measured === null || (tile.given?.fresh ?? tile.fresh) === "unknown") return tile.fresh;
  const old = now() - tile.measured;
  return old > UNKNOWN_AFTER_MS ? "unknown" : old > tile.staleAfter ? "stale" : "fresh";
}

// What is too old for what it says changes its look at once; the tile as it was given is kept for when it is fresh again.
function grow(tile) {
  const fresh = freshness(tile);
  if (fresh === tile.fresh || fresh === "fresh") return;
  const { element } = tile;
  tile.given ??= { element: element.cloneNode(true), fresh: tile.fresh };
  tile.fresh = fresh;
  element.dataset.fresh = fresh;
  element.dataset.use = "";
  element.dataset.key = "";  // the next frame must replace what was changed here
  element.classList.remove("is-alert", "is-watch", "is-stale");
  element.classList.add(`is-${fresh}`);
  element.querySelector("use").setAttribute("href", fresh === "stale" ? "#w-stale" : "#w-unk");
  const state = element.querySelector(".state");
  const word = document.createElement("b");
  word.textContent = state.dataset[fresh];
  state.replaceChildren(word);
  const shown = element.querySelector(".age time");
  if (shown) shown.dataset.age = fresh === "stale" ? "ago" : "since";
  if (fresh === "unknown") setText(element.querySelector(".lvl"), element.querySelector(".lvl").dataset.none);
}

// What may change in every frame comes as figures; web/drawing.py does the same for a page that is loaded.
function measure(id, [at, level, sure]) {
  const tile = tiles.get(id);
  if (!tile || at === null) return;
  tile.measured = at;
  if (tile.given && freshness({ ...tile, fresh: tile.given.fresh, given: null }) === tile.given.fresh) {
    put(tile.element, tile.given.element);  // heard of again before the server had seen it grow old
  }
  const { element } = tiles.get(id);
  tiles.get(id).measured = at;
  element.dataset.measured = at;
  const shown = element.querySelector(".age time");
  if (shown) shown.dataset.at = at;
  figure(element.querySelector(".sure"), sure);
  const bar = element.querySelector(".meter .v");
  if (level === null || !bar) return;
  figure(element.querySelector(".lvl b"), level);
  const place = Math.max(0, Math.min(100, (level - 30) / 70 * 100));
  const over = element.querySelector(".meter .o");
  const limit = over ? Number(over.getAttribute("x")) : 100;
  bar.setAttribute("width", Math.min(place, limit).toFixed(1));
  over?.setAttribute("width", Math.max(0, place - limit).toFixed(1));
}

function figure(element, number) {
  if (element) setText(element, element.textContent.replace(/\d+/, number));
}

function recount() {
  if (!("whole" in texts)) return;  // of one building only: the server counts for all
  const counts = { occupied: 0, stale: 0, unknown: 0 };
  for (const { fresh, state } of tiles.values()) {
    if (fresh !== "fresh") counts[fresh] += 1;
    else if (state === "occupied") counts.occupied += 1;
  }
  for (const [name, number] of Object.entries(counts)) {
    const figure = document.querySelector(`[data-count="${name}"]`);
    if (!figure) continue;
    const word = figure.nextElementSibling;
    const many = html.lang === "fr" ? number >= 2 : number !== 1;
    setText(figure, new Intl.NumberFormat(html.lang === "en" ? "en-GB" : "fr-FR").format(number));
    setText(word, many ? word.dataset.many : word.dataset.one);
  }
}

function tick() {
  setText(clock, hour(now(), clock.dataset.zone));
  for (const tile of tiles.values()) grow(tile);
  seen.forEach(count);
  recount();
  if (performance.now() - heard > QUIET_MS) lose();
}

// --- frames -------------------------------------------------------------------------------------------
function put(old, next) {
  // whoever stood on a button stands on it again, or at the heading if it is gone
  const focused = old.contains(document.activeElement) ? document.activeElement.id : null;
  unwatch(old);
  old.replaceWith(next);
  watch(next);
  if (focused !== null) (document.getElementById(focused) ?? document.getElementById(next.dataset.home ?? "content"))?.focus({ preventScroll: true });
}

function swap(id, text) {
  const old = document.getElementById(id);
  if (!old) return;
  const holder = document.createElement("template");
  holder.innerHTML = text;
  const next = holder.content.firstElementChild;
  if (!next || old.dataset.key === next.dataset.key) return;
  next.querySelectorAll('input[name="csrf"]').forEach((field) => { field.value = csrf; });
  for (const box of old.querySelectorAll("input[type=checkbox]:checked")) {
    const same = next.querySelector(`#${CSS.escape(box.id)}`);
    if (same) same.checked = true;
  }
  put(old, next);
}

function show(frame) {
  tellTime(frame.now);
  heard = performance.now();
  find();
  remember();
  for (const [id, text] of Object.entries(frame.fragments)) swap(id, text);
  for (const [id, at] of Object.entries(frame.figures)) measure(id, at);
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

// for the page that is shown without a connection: the hour alone
function remember() {
  try {
    localStorage.setItem("pleintemps-heard", String(Date.now()));
  } catch {
    // storage is forbidden here
  }
}

function lose() {
  if (!lost.hidden) return;
  const last = hour(time.now, clock.dataset.zone);
  setText(link, texts.lost);
  document.getElementById("live").classList.add("is-lost");
  lost.textContent = texts.notice.replaceAll("{}", last);
  lost.hidden = false;
}

for (const element of document.querySelectorAll("main .tile, #attention")) watch(element);
follow({ language: html.lang, channel: texts.channel, have: texts.frame, show, lose, end: () => location.assign("/login") });
setInterval(tick, 1000);
