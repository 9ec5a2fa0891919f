// The page for "no connection" says when the gateway was heard last, and goes back by itself.
try {
  const heard = Number(localStorage.getItem("pleintemps-heard"));
  for (const each of document.querySelectorAll("[data-heard]")) {
    if (!heard) break;
    const locale = each.closest("[lang]").lang === "en" ? "en-GB" : "fr-FR";
    const when = new Intl.DateTimeFormat(locale, { weekday: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(heard);
    each.textContent = each.dataset.heard.replace("{}", when);
    each.hidden = false;
  }
} catch {
  // storage is forbidden here: nothing is said of it
}
for (const again of document.querySelectorAll("[data-again]")) again.href = location.href;
addEventListener("online", () => location.reload());
