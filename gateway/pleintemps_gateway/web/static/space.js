// The chart of a space, drawn by uPlot over the same lists that the picture and the table below it tell.
// Without script, or if anything fails, the picture stays.

const EVERY_MS = 30_000;
const box = document.getElementById("live-chart");
const still = document.getElementById("chart-still");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Lanes, as in the picture: bookings at the top, presence, doors, and the level below. Shares of the height.
const LANES = { booked: [0.03, 0.1], presence: [0.15, 0.31], doors: 0.38, level: 0.45 };

function data(told) {
  const times = told.level.map((_, n) => (told.start + n * told.step) / 1000);
  const percent = (values) => values.map((v) => (v === null ? null : 100 * v));
  return [times, percent(told.presence), percent(told.booked), told.level, told.window, told.limit];
}

function quietHours(told) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour("--quiet");
    for (const [from, to] of told().quiet) {
      const left = plot.valToPos(from / 1000, "x", true), right = plot.valToPos(to / 1000, "x", true);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  };
}

function lanes(told) {
  return (plot) => {
    const { ctx, bbox } = plot, ratio = devicePixelRatio;
    const y = (share) => bbox.top + share * bbox.height;
    const x = (at) => Math.min(Math.max(plot.valToPos(at / 1000, "x", true), bbox.left), bbox.left + bbox.width);
    ctx.save();
    ctx.font = `600 ${12 * ratio}px ${getComputedStyle(box).fontFamily}`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.setLineDash([]);
    ctx.lineWidth = ratio;
    for (const [from, to, title] of told().bookings) {
      const left = x(from), width = Math.max(2, x(to) - left), [top, foot] = LANES.booked.map(y);
      ctx.fillStyle = colour("--accent-soft");
      ctx.strokeStyle = colour("--accent");
      ctx.fillRect(left, top, width, foot - top);
      ctx.strokeRect(left, top, width, foot - top);
      ctx.beginPath();
      ctx.rect(left, top, width, foot - top);
      ctx.save();
      ctx.clip();
      ctx.fillStyle = colour("--accent");
      ctx.fillText(title, left + 5 * ratio, (top + foot) / 2);
      ctx.restore();
    }
    const middle = y(LANES.doors), half = 7 * ratio;
    ctx.strokeStyle = colour("--line-strong");
    ctx.beginPath();
    ctx.moveTo(bbox.left, middle);
    ctx.lineTo(bbox.left + bbox.width, middle);
    ctx.stroke();
    for (const [at, kind] of told().events) mark(ctx, kind, x(at), middle, half, ratio);
    ctx.restore();
  };
}

function mark(ctx, kind, at, middle, half, ratio) {
  ctx.lineWidth = 2 * ratio;
  ctx.beginPath();
  if (kind === "granted" || kind === "alarm") {
    ctx.fillStyle = colour(kind === "alarm" ? "--watch" : "--ink-2");
    ctx.moveTo(at, middle - half);
    ctx.lineTo(at + half, kind === "alarm" ? middle + half : middle);
    if (kind === "granted") ctx.lineTo(at, middle + half);
    ctx.lineTo(at - half, kind === "alarm" ? middle + half : middle);
    ctx.fill();
  } else if (kind === "refused") {
    ctx.strokeStyle = colour("--alert");
    ctx.moveTo(at - half, middle - half);
    ctx.lineTo(at + half, middle + half);
    ctx.moveTo(at + half, middle - half);
    ctx.lineTo(at - half, middle + half);
    ctx.stroke();
  } else {
    ctx.strokeStyle = colour("--ink-2");
    ctx.fillStyle = colour("--surface");
    ctx.rect(at - half / 2, middle - half, half, 2 * half);
    ctx.fill();
    ctx.stroke();
  }
}

/** The range of a scale whose values from `low` to `high` fill the height between two shares from the top. */
function within(low, high, top, foot) {
  const whole = (high - low) / (foot - top);
  return [low - (1 - foot) * whole, high + top * whole];
}

function options(told) {
  const words = box.dataset, first = told();
  const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const lang = document.documentElement.lang;
  const format = (style) => new Intl.DateTimeFormat(lang, { ...style, timeZone: words.zone });
  const hour = format({ hour: "2-digit", minute: "2-digit" }), day = format({ day: "2-digit", month: "2-digit" });
  const full = format({ dateStyle: "short", timeStyle: "short" });
  const long = first.end - first.start > 2 * 86_400_000;
  const levels = [...first.level, ...first.limit].filter((v) => v !== null);
  const low = Math.floor(Math.min(40, ...levels) / 10) * 10, high = Math.ceil(Math.max(80, ...levels) / 10) * 10;
  return {
    width: box.clientWidth,
    height: 380,
    scales: { x: { time: true }, share: { range: within(0, 100, ...LANES.presence) }, db: { range: within(low, high, LANES.level, 1) } },
    hooks: { drawAxes: [quietHours(told)], draw: [lanes(told)] },
    axes: [
      { ...axis, values: (_, splits) => splits.map((at) => (long ? day : hour).format(at * 1000)) },
      { ...axis, scale: "db", size: 44, values: (_, splits) => splits.map((v) => (v >= low && v <= high ? v : "")) },
    ],
    series: [
      { label: words.time, value: (_, at) => (at === null ? "" : full.format(at * 1000)) },
      { label: words.presence, scale: "share", stroke: colour("--lamp-line"), fill: colour("--lamp-soft"), fillTo: () => 0, width: 1 },
      { label: words.booked, scale: "share", stroke: colour("--accent"), width: first.bookings.length ? 0 : 1.5, points: { show: false } },
      { label: words.level, scale: "db", stroke: colour("--ink-3"), width: 1 },
      { label: words.window, scale: "db", stroke: colour("--ink"), width: 2 },
      { label: words.limit, scale: "db", stroke: colour("--alert"), dash: [7, 4], width: 2 },
    ],
  };
}

async function start() {
  if (!box || !window.uPlot) return;
  let plot = null, told = null;
  const load = async () => {
    const answer = await fetch(box.dataset.source);
    if (!answer.ok) return;
    told = await answer.json();
    if (plot) {
      plot.setData(data(told));
      return;
    }
    box.hidden = false;
    plot = new window.uPlot(options(() => told), data(told), box);
    still.hidden = true;
  };
  await load();
  addEventListener("resize", () => plot?.setSize({ width: box.clientWidth, height: 380 }));
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
