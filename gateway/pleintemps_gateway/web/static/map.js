// Lets the server's drawing be moved and enlarged, and keeps it live: the page asks for itself.
const LOOK_MS = 10_000;
const L = window.L;
const maps = new Map();

function open(box) {
  const svg = box.querySelector("svg");
  const width = Number(box.dataset.width);
  const height = Number(box.dataset.height);
  const bounds = [[0, 0], [height, width]];
  const lasting = matchMedia("(prefers-reduced-motion: reduce)").matches;
  box.replaceChildren();
  const map = L.map(box, {
    crs: L.CRS.Simple, attributionControl: false, zoomSnap: 0.25, minZoom: -6, maxZoom: 8,
    zoomAnimation: !lasting, fadeAnimation: !lasting, inertia: !lasting, scrollWheelZoom: false,
    zoomControl: false,
  });
  const words = document.documentElement.lang === "fr" ? ["Agrandir", "Réduire"] : ["Zoom in", "Zoom out"];
  L.control.zoom({ position: "bottomright", zoomInTitle: words[0], zoomOutTitle: words[1] }).addTo(map);
  const layer = L.svgOverlay(svg, bounds, { interactive: true }).addTo(map);
  map.fitBounds(bounds, { animate: false });
  map.setMinZoom(map.getZoom() - 0.5);
  map.setMaxBounds(L.latLngBounds(bounds).pad(0.3));
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", svg.getAttribute("aria-label"));
  maps.set(box, { map, layer });
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-part]")) {
          const next = page.getElementById(part.id);
          const box = part.querySelector("[data-map]");
          if (!next || part.contains(document.activeElement)) continue;
          if (!box) part.replaceChildren(...next.childNodes);
          else box.querySelector("svg.townmap, svg.floor").replaceChildren(...next.querySelector("[data-map] > svg").childNodes);
        }
        const clock = page.getElementById("clock");
        if (clock) document.getElementById("clock").textContent = clock.textContent;
      }
    } catch {
      // no network for now: the page says of when it is
    }
  }
  setTimeout(look, LOOK_MS);
}

for (const box of document.querySelectorAll("[data-map]")) open(box);
if (document.querySelector("[data-part]")) setTimeout(look, LOOK_MS);
