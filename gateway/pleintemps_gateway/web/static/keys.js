// Single keys for lists of things to do: j k next and previous, Enter open, others as the page says.
//
// A page needs no script of its own. It marks its list in HTML:
//   <ol data-keys>                         a list; several lists of a page are walked as one
//     <li id=".." data-keys-item>          an item: j and k give it the focus (it needs an id to keep it)
//       <button data-keys-on="p">          p presses this button, link or box of the item that has the focus
//       <a data-keys-on="Enter">           Enter follows it, while the focus is on the item itself
//     <li data-keys-go="s /alerts/1#pause e /alerts/1#pass">   or a key leads to an address
// Anywhere on a page: data-keys-page="b" presses that element, whatever has the focus.
// Keys never fire inside a field, with Ctrl, Alt or Meta, or behind a dialog, and can be switched off
// (WCAG 2.1.4): the choice stays in this browser. "?" shows those that the page has.

const OFF = "pleintemps-keys-off";
const FIELD = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";

export function areOn() {
  try {
    return localStorage.getItem(OFF) === null;
  } catch {
    return true;  // storage is forbidden here: keys are as they were delivered
  }
}

export function switchKeys(on) {
  try {
    if (on) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  } catch {
    // the choice then lasts as long as the page
  }
  for (const box of document.querySelectorAll("[data-keys-switch]")) box.checked = on;
}

const items = () => [...document.querySelectorAll("[data-keys] [data-keys-item]")].filter((item) => item.checkVisibility?.() ?? true);
const current = () => document.activeElement?.closest("[data-keys-item]") ?? null;

function move(step) {
  const all = items();
  if (!all.length) return false;
  const at = all.indexOf(current());
  const next = at < 0 ? all[step > 0 ? 0 : all.length - 1] : all[Math.min(all.length - 1, Math.max(0, at + step))];
  next.tabIndex = -1;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function act(key) {
  const item = current();
  if (key === "Enter" && document.activeElement !== item) return false;  // a link or button has it
  const there = item?.querySelector(`[data-keys-on="${CSS.escape(key)}"]`) ?? document.querySelector(`[data-keys-page="${CSS.escape(key)}"]`);
  if (there && !there.disabled) {
    there.click();
    return true;
  }
  const words = item?.dataset.keysGo?.split(" ") ?? [];
  const at = words.findIndex((word, index) => index % 2 === 0 && word === key);
  if (at < 0) return false;
  location.assign(words[at + 1]);
  return true;
}

function help() {
  const dialog = document.getElementById("keys");
  if (!dialog) return false;
  const have = new Set([...document.querySelectorAll("[data-keys-on], [data-keys-page]")].map((each) => each.dataset.keysOn ?? each.dataset.keysPage));
  for (const each of document.querySelectorAll("[data-keys-go]")) each.dataset.keysGo.split(" ").forEach((word, index) => { if (index % 2 === 0) have.add(word); });
  if (document.querySelector("[data-keys-item]")) ["j", "k"].forEach((key) => have.add(key));
  for (const row of dialog.querySelectorAll("[data-keys-row]")) row.hidden = !row.dataset.keysRow.split(" ").some((key) => have.has(key));
  dialog.showModal();
  return true;
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.(FIELD) || document.querySelector("dialog[open]")) return;
  const { key } = event;
  if (key === "Enter") {
    if (!event.repeat && act(key)) event.preventDefault();
    return;
  }
  if (key.length !== 1 || !areOn()) return;
  const done = key === "j" ? move(1) : key === "k" ? move(-1) : event.repeat ? false : key === "?" ? help() : act(key);
  if (done) event.preventDefault();
}

document.addEventListener("keydown", onKey);
for (const box of document.querySelectorAll("[data-keys-switch]")) {
  box.checked = areOn();
  box.addEventListener("change", () => switchKeys(box.checked));
}
for (const button of document.querySelectorAll("[data-keys-help]")) {
  button.hidden = false;
  button.addEventListener("click", help);
}
for (const button of document.querySelectorAll("[data-keys-close]")) button.addEventListener("click", () => button.closest("dialog").close());
