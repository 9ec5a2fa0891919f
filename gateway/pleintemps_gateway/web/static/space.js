// The chart of a space, drawn by uPlot over the same lists that the picture and the table below it tell.
// Without script, or if anything fails, the picture stays.

const EVERY_MS = 30_000;
const box = document.getElementById("live-chart");
const still = document.getElementById("chart-still");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function data(told) {
  const times = told.level.map((_, n) => (told.start + n * told.step) / 1000);
  return [times, told.presence.map((v) => (v === null ? null : 100 * v)), told.booked.map((v) => 100 * v),
    told.level, told.window, told.limit];
}

function quietHours(told) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour("--quiet");
    for (const [from, to] of told.quiet) {
      const left = plot.valToPos(from / 1000, "x", true), right = plot.valToPos(to / 1000, "x", true);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  };
}

function marks(told) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = 2;
    for (const [at, kind] of told.events) {
      const x = plot.valToPos(at / 1000, "x", true);
      ctx.strokeStyle = colour(kind === "refused" || kind === "alarm" ? "--alert" : "--ink-2");
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + 12);
      ctx.stroke();
    }
    ctx.restore();
  };
}

function options(told) {
  const words = box.dataset;
  const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const lang = document.documentElement.lang;
  const hour = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", timeZone: words.zone });
  const day = new Intl.DateTimeFormat(lang, { day: "2-digit", month: "2-digit", timeZone: words.zone });
  const long = told.end - told.start > 2 * 86_400_000;
  const full = new Intl.DateTimeFormat(lang, { dateStyle: "short", timeStyle: "short", timeZone: words.zone });
  return {
    width: box.clientWidth,
    height: 320,
    scales: { x: { time: true }, share: { range: [0, 100] } },
    hooks: { drawAxes: [quietHours(told)], draw: [marks(told)] },
    axes: [
      { ...axis, values: (_, splits) => splits.map((at) => (long ? day : hour).format(at * 1000)) },
      { ...axis, scale: "db", label: words.level, size: 56 },
      { ...axis, scale: "share", side: 1, label: words.share, grid: { show: false }, size: 56 },
    ],
    series: [
      { label: words.time, value: (_, at) => (at === null ? "" : full.format(at * 1000)) },
      { label: words.presence, scale: "share", stroke: colour("--lamp-line"), fill: colour("--lamp-soft"), width: 1 },
      { label: words.booked, scale: "share", stroke: colour("--accent"), dash: [2, 3], width: 1.5 },
      { label: words.level, scale: "db", stroke: colour("--ink-3"), width: 1 },
      { label: words.window, scale: "db", stroke: colour("--ink"), width: 2 },
      { label: words.limit, scale: "db", stroke: colour("--alert"), dash: [7, 4], width: 2 },
    ],
  };
}

async function start() {
  if (!box || !window.uPlot) return;
  let plot = null;
  const load = async () => {
    const answer = await fetch(box.dataset.source);
    if (!answer.ok) return;
    const told = await answer.json();
    if (plot) {
      plot.setData(data(told));
      return;
    }
    box.hidden = false;
    plot = new window.uPlot(options(told), data(told), box);
    still.hidden = true;
  };
  await load();
  addEventListener("resize", () => plot?.setSize({ width: box.clientWidth, height: 320 }));
  if (box.dataset.live) {
    setInterval(() => {
      // no network: the next time tells
      if (!document.hidden) load().catch(() => undefined);
    }, EVERY_MS);
  }
}

start().catch(() => {
  if (box) box.hidden = true;
  if (still) still.hidden = false;
});
