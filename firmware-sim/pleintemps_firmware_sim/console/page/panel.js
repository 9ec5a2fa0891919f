"use strict";
// The tester's page: everything shown comes as text, every order goes as JSON with our own header.

const TITLES = { door: "Doors", space: "Spaces", agent: "Agents", device: "Devices", building: "Building" };
const OFTEN = new Set(["press", "card", "push", "leave", "force", "enter", "exit", "noise", "quiet", "cut",
  "power", "unplug", "plug", "broker-down", "broker-up"]);
const FACTS_KEPT = 100;
const AGAIN_MS = 1000;
const $ = (id) => document.getElementById(id);
const token = decodeURIComponent(location.hash.slice(1));
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const states = new Map();
const frames = new Map();
let acts = {};

function make(tag, text, attributes = {}) {
  const one = document.createElement(tag);
  if (text) one.textContent = text;
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  return one;
}

function say(text) {
  $("said").textContent = text;
}

async function give(act, target, values) {
  say(`${act} ${target} …`);
  try {
    const answer = await fetch("/orders", {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json", "X-Pleintemps": "panel" },
      body: JSON.stringify({ type: "order", act, target, values }),
    });
    const body = await answer.json();
    say(`${act} ${target}: ${answer.ok ? body.text : `REFUSED: ${body.error}`}`);
  } catch (error) {
    say(`${act} ${target}: FAILED: ${error.message}`);
  }
}

function keypad(input) {
  const pad = make("div", "", { class: "pad" });
  for (const key of "123456789*0#") {
    const button = make("button", key, { type: "button" });
    button.addEventListener("click", () => { input.value += key; });
    pad.append(button);
  }
  return pad;
}

function ask(act, target) {
  const row = acts[act], fields = $("fields");
  $("form-title").textContent = `${act} ${target}: ${row.says}`;
  fields.replaceChildren();
  for (const [name, field] of Object.entries(row.takes)) {
    const number = field.type === "number", id = `field-${name}`;
    const says = number ? `${name} (${field.says}, ${field.low} to ${field.high})` : `${name} (${field.says})`;
    fields.append(make("label", says, { for: id }));
    const input = make("input", "", { id, name, required: "", autocomplete: "off" });
    if (number) {
      for (const [key, value] of [["type", "number"], ["min", field.low], ["max", field.high], ["step", "any"]]) {
        input.setAttribute(key, value);
      }
    }
    input.value = field.default ?? "";
    fields.append(input);
    if (name === "keys") fields.append(keypad(input));
  }
  const form = $("form");
  form.onclose = () => {
    if (form.returnValue !== "do") return;
    const values = {};
    for (const input of fields.querySelectorAll("input")) values[input.name] = input.value;
    give(act, target, values);
  };
  form.returnValue = "";
  form.showModal();
}

function button(act, target) {
  const fields = Object.keys(acts[act].takes).length;
  const one = make("button", fields ? `${act}…` : act, { type: "button", "aria-label": `${act} ${target}` });
  one.title = acts[act].says;
  one.addEventListener("click", () => (fields ? ask(act, target) : give(act, target, {})));
  return one;
}

function begin(picture) {
  acts = picture.acts;
  states.clear();
  $("site").textContent = picture.says;
  const things = $("things");
  things.replaceChildren();
  for (const [goal, title] of Object.entries(TITLES)) {
    const group = make("div", "", { class: "group" });
    for (const thing of picture.things.filter((each) => each.goal === goal)) {
      const card = make("section", "", { class: "thing" });
      card.append(make("h3", thing.says ? `${thing.name}: ${thing.says}` : thing.name));
      const state = make("p", "", { class: "state" });
      states.set(`${goal} ${thing.name}`, state);
      const often = make("div", "", { class: "keys" }), more = make("details");
      const rest = make("div", "", { class: "keys" });
      for (const act of thing.acts) (OFTEN.has(act) ? often : rest).append(button(act, thing.name));
      more.append(make("summary", "More"), rest);
      card.append(state, often);
      if (rest.childElementCount) card.append(more);
      group.append(card);
    }
    things.append(make("h2", title), group);
  }
}

function now(change) {
  $("clock").textContent = change.clock;
  for (const [key, said] of Object.entries(change.states)) {
    const state = states.get(key);
    state.textContent = said;
    state.classList.toggle("odd", said.includes("!") || said.includes("DOWN"));
  }
  for (const fact of change.facts) {
    $("facts").prepend(make("li", fact));
    if ($("facts").childElementCount > FACTS_KEPT) $("facts").lastChild.remove();
  }
  for (const [line, said] of Object.entries(change.frames)) {
    if (!frames.has(line)) {
      const shown = make("dd");
      frames.set(line, shown);
      $("frames").append(make("dt", line), shown);
    }
    frames.get(line).textContent = said;
  }
}

function heard(block) {
  const name = /^event: (.*)$/m.exec(block)?.[1], data = /^data: (.*)$/m.exec(block)?.[1];
  if (!name || !data) return;
  const body = JSON.parse(data);
  if (name === "begin") begin(body);
  else if (name === "now") now(body);
  else $("clock").textContent = `NOT CONNECTED: ${body.error}`;
}

// EventSource can send no token, so the stream of events is read by hand.
async function follow() {
  const answer = await fetch("/events", { headers });
  if (!answer.ok) throw new Error((await answer.json()).error);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    blocks.forEach(heard);
  }
}

async function live() {
  for (;;) {
    try {
      await follow();
    } catch (error) {
      $("clock").textContent = `NOT CONNECTED: ${error.message}`;
    }
    await new Promise((go) => { setTimeout(go, AGAIN_MS); });
  }
}

live();
