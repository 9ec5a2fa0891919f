// The keys of a booking's page without loading it anew; everything works without this file.
const form = document.getElementById("keypad");
if (form) {
  const typed = document.getElementById("typed");
  const count = document.getElementById("count");
  const tell = () => {
    const number = typed.value.length;
    const many = document.documentElement.lang === "fr" ? number >= 2 : number !== 1;
    const text = many ? count.dataset.many : count.dataset.one;
    count.textContent = text.replace("%(num)s", number).replace("%(all)s", count.dataset.all);
  };
  form.addEventListener("click", (event) => {
    const key = event.target.closest("button[name=key]");
    if (!key || key.value === "open") return;
    event.preventDefault();
    if (key.value === "erase") typed.value = typed.value.slice(0, -1);
    else if (typed.value.length < typed.maxLength) typed.value += key.value;
    tell();
  });
  typed.addEventListener("input", tell);
  // once the browser has gone to the form, which takes the focus away
  if (document.getElementById("fault")) addEventListener("load", () => setTimeout(() => typed.focus()));
}

// The answer of the door, without loading the page anew.
const ask = async (result) => {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  const fresh = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("result");
  if (fresh && fresh.textContent !== result.textContent) {
    result.className = fresh.className;
    result.textContent = "";
    result.append(...fresh.childNodes);
  }
  if (!fresh || fresh.dataset.waiting) setTimeout(ask, Number(result.dataset.waiting), result);
};
const result = document.getElementById("result");
if (result?.dataset.waiting) setTimeout(ask, Number(result.dataset.waiting), result);
