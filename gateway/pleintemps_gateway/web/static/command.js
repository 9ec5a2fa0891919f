// Follows a command that has no answer yet: the page asks for itself again until the result is there.
const PAUSE_MS = 700;

async function look() {
  const result = document.getElementById("result");
  if (!result || result.dataset.pending !== "yes") return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("result");
      if (next && next.dataset.outcome !== result.dataset.outcome) {
        result.replaceChildren(...next.childNodes);
        Object.assign(result.dataset, next.dataset);
        if (next.dataset.pending !== "yes") document.getElementById("again")?.remove();
      }
    }
  } catch {
    // no network for now: the link "look again" stays, and so does this
  }
  setTimeout(look, PAUSE_MS);
}

setTimeout(look, PAUSE_MS);
