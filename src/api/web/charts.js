// The charts of one pool, drawn by uPlot on one time axis. What is not known is a gap, never a zero.
import { el, number, say, seconds } from "./dom.js";

const HEIGHT = 150;
const count = (value) => number(value);
const WHOLE = [1, 10, 100, 1000, 10000, 100000, 1000000].flatMap((n) => [n, 2 * n, 5 * n]); // steps of counts

/** One row a chart; one row a line: name, member of a point, colour (custom property), and how it is drawn. */
const CHARTS = [
  {
    id: "supply", title: "Demand and supply, replicas", format: count, bounded: true,
    lines: [
      { name: "with starting", of: (p) => p.ready + p.starting, colour: "--pending", steps: true, dash: [5, 4], ahead: true },
      { name: "ready", of: (p) => p.ready, colour: "--ready", fill: "--ready-fill", steps: true },
      { name: "demand", of: (p) => p.demand, colour: "--demand" },
      { name: "forecast", of: (p) => p.forecast, colour: "--forecast", dash: [2, 3], optional: true },
    ],
  },
  {
    id: "ttft", title: "First token", format: seconds, objective: "ttft",
    lines: [
      { name: "p50", of: (p) => p.ttftP50, colour: "--median" },
      { name: "p95", of: (p) => p.ttftP95, colour: "--tail" },
    ],
  },
  {
    id: "itl", title: "Next token", format: seconds, objective: "interTokenLatency",
    lines: [
      { name: "p50", of: (p) => p.itlP50, colour: "--median" },
      { name: "p95", of: (p) => p.itlP95, colour: "--tail" },
    ],
  },
  {
    id: "queue", title: "Requests", format: count,
    lines: [
      { name: "in flight", of: (p) => p.inFlightRequests, colour: "--ready", fill: "--ready-fill" },
      { name: "waiting", of: (p) => p.waitingRequests, colour: "--tail" },
    ],
  },
];

const SHADED = new Set(["supply", "ttft"]);

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axes(format) {
  const common = { stroke: colourOf("--muted"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  const grid = { stroke: colourOf("--grid"), width: 1 };
  return [
    { ...common, grid: { show: false }, space: 80, size: 24, values: (_, at, __, ___, step) => at.map((t) => new Date(t * 1000).toISOString().slice(11, step < 60 ? 19 : 16)) },
    { ...common, grid, size: 52, space: 34, incrs: format === count ? WHOLE : undefined, values: (_, at) => at.map(format) },
  ];
}

function linesOf(chart, objective, points) {
  const lines = chart.lines.filter((line) => !line.optional || points.some((p) => line.of(p) !== null));
  const limit = chart.objective && objective ? objective[chart.objective] : null;
  if (limit) lines.push({ name: "objective", of: () => limit, colour: "--objective", dash: [8, 4], ahead: true });
  return lines;
}

/** Columns for uPlot; behind now stands one point when the replicas that start should be there. */
function columns(lines, points, pool) {
  const at = points.map((p) => Date.parse(p.at) / 1000);
  const data = [at, ...lines.map((line) => points.map((p) => line.of(p) ?? null))];
  const last = points.at(-1);
  if (last && last.starting > 0 && pool.readyIn !== null) {
    at.push(at.at(-1) + Math.max(pool.readyIn, 1));
    lines.forEach((line, i) => data[i + 1].push(line.ahead ? data[i + 1].at(-1) : null));
  }
  return data;
}

/** Times in which the 95th percentile was over the objective are shaded. */
function shadeBreaches(pool, points) {
  const limit = pool.objective?.ttft ?? null;
  return (plot) => {
    if (limit === null) return;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colourOf("--breach-fill");
    points().forEach((p, i, all) => {
      if (p.ttftP95 === null || p.ttftP95 <= limit || !all[i + 1]) return;
      const from = Math.max(plot.valToPos(Date.parse(p.at) / 1000, "x", true), bbox.left);
      const to = Math.min(plot.valToPos(Date.parse(all[i + 1].at) / 1000, "x", true), bbox.left + bbox.width);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    });
    ctx.restore();
  };
}

class Chart {
  constructor(rule, pool, shown) {
    this.rule = rule;
    this.pool = pool;
    this.shown = shown; // points in the range
    this.place = el("div", { class: "plot" });
    this.legend = el("ul", { class: "legend" });
    this.node = el("figure", { class: `chart ${rule.id}` }, el("figcaption", {}, rule.title), this.legend, this.place);
    this.place.setAttribute("role", "img");
    this.place.setAttribute("aria-label", `${rule.title} of ${pool.name}; the same numbers stand in the table below`);
    this.key = null;
  }

  build(lines, data) {
    this.plot?.destroy();
    this.values = [];
    this.legend.replaceChildren(...lines.map((line) => {
      const value = el("b", {}, "");
      this.values.push(value);
      const mark = el("i", { class: line.dash ? "swatch dashed" : "swatch" });
      mark.style.borderTopColor = colourOf(line.colour);
      return el("li", {}, mark, `${line.name} `, value);
    }));
    if (this.shades) {
      const mark = el("i", { class: "breach" });
      this.legend.append(el("li", {}, mark, "first token over objective"));
    }
    const step = window.uPlot.paths.stepped({ align: 1 });
    const options = {
      width: Math.max(this.place.clientWidth, 200), height: HEIGHT, legend: { show: false },
      cursor: { sync: { key: this.pool.name }, points: { size: 6 }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: () => this.range },
        y: { range: (_, low, high) => [0, this.top(high ?? 0)] },
      },
      axes: axes(this.rule.format),
      series: [{}, ...lines.map((line) => ({
        label: line.name, stroke: colourOf(line.colour), width: 1.75, dash: line.dash, spanGaps: false,
        fill: line.fill ? colourOf(line.fill) : undefined, paths: line.steps ? step : undefined, points: { show: false },
      }))],
      hooks: {
        drawClear: SHADED.has(this.rule.id) ? [shadeBreaches(this.pool, this.shown)] : [],
        setCursor: [(plot) => this.tell(plot.cursor.idx)],
      },
    };
    this.plot = new window.uPlot(options, data, this.place);
  }

  /** A demand far beyond what may run is cut: the legend tells it, and the supply stays legible. */
  top(high) {
    const bound = this.rule.bounded ? Math.max(this.pool.replicas.max, ...this.shown().map((p) => p.ready + p.starting)) * 1.5 : Infinity;
    return Math.max(Math.min(high, bound), this.rule.format === count ? 2 : 0.01) * 1.08;
  }

  /** Values in the legend: at the cursor, else the newest. */
  tell(index) {
    const points = this.shown();
    const point = points[index ?? points.length - 1] ?? points.at(-1);
    this.lines.forEach((line, i) => say(this.values[i], point ? this.rule.format(line.of(point)) : "–"));
  }

  update(range) {
    const points = this.shown();
    this.range = range;
    this.lines = linesOf(this.rule, this.pool.objective, points);
    const data = columns(this.lines, points, this.pool);
    const limit = this.pool.objective?.ttft ?? null;
    this.shades = SHADED.has(this.rule.id) && limit !== null && points.some((p) => p.ttftP95 !== null && p.ttftP95 > limit);
    const key = this.lines.map((line) => line.name).join() + this.shades;
    if (key !== this.key || !this.plot) this.build(this.lines, data);
    else this.plot.setData(data);
    this.key = key;
    this.tell(this.plot.cursor.idx);
  }

  fit() {
    const width = this.place.clientWidth;
    if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  end() {
    this.plot?.destroy();
    this.plot = null;
    this.key = null;
  }
}

export class Charts {
  constructor(place, pool) {
    this.points = [];
    this.from = 0;
    this.charts = CHARTS.map((rule) => new Chart(rule, pool, () => this.inRange()));
    place.replaceChildren(...this.charts.map((chart) => chart.node));
    place.hidden = false;
    new ResizeObserver(() => this.charts.forEach((chart) => chart.fit())).observe(place);
  }

  inRange() {
    return this.points.filter((p) => Date.parse(p.at) / 1000 >= this.from);
  }

  update(pool, points, minutes) {
    const now = points.length ? Date.parse(points.at(-1).at) / 1000 : Date.now() / 1000;
    const ahead = pool.replicas.starting > 0 && pool.readyIn !== null ? Math.min(pool.readyIn, minutes * 15) + 5 : 0;
    this.points = points;
    const first = points.length ? Date.parse(points[0].at) / 1000 : now;
    this.from = Math.max(now - minutes * 60, Math.min(first, now - 60)); // the first minute is not squeezed into a corner
    for (const chart of this.charts) {
      chart.pool = pool;
      chart.update([this.from, now + ahead]);
    }
  }

  redraw() {
    this.charts.forEach((chart) => chart.end());
  }
}
