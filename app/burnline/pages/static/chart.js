// Charts on uPlot, each with a table of the same numbers below it.
import { h, table, zone } from "./lib.js";

const PALETTE = ["#0b76d1", "#e07b00", "#2a9d59", "#b23bb0", "#d13b3b", "#6b6fd6", "#7a8a00", "#00909a", "#a05a2c", "#6d7b88"];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const two = (number) => String(number).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const dayOf = (date) => `${date.getDate()} ${MONTHS[date.getMonth()]}`;
const timeOf = (date, seconds) => `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;

// 24 hours, the day once where it changes; days alone where a tick is a day or more.
const ticks = (tzDate, days) => (_plot, splits, _axis, _space, step) => {
  let before = "";
  return splits.map((split) => {
    const date = tzDate(split);
    const day = dayOf(date);
    if (days || step >= 86_400) return day;
    const words = timeOf(date, step < 60);
    const text = day === before ? words : `${words}\n${day}`;
    before = day;
    return text;
  });
};

function axes(unit, xs, tzDate) {
  const style = { stroke: colour("--faint"), font: "12px system-ui, sans-serif", grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  return [
    { ...style, grid: { show: false }, space: 70, values: ticks(tzDate, xs), ...(xs ? { splits: () => thinned(xs) } : {}) },
    { ...style, size: 62, values: (_, found) => found.map((tick) => `${unit}${tick.toLocaleString("en-US")}`) },
  ];
}

// At most ten of them, the newest always.
const thinned = (xs) => xs.filter((_, index) => (xs.length - 1 - index) % Math.ceil(xs.length / 10) === 0);

// A chart that is drawn once and given new numbers; data is [xs in s, ys, …]. `days`: xs are beginnings of days.
export class Chart {
  constructor(label, { unit = "$", series, height = 220, legend = true, rows, zone: named = zone, days = null }) {
    this.place = h("div", { class: "chart", role: "img", "aria-label": label });
    this.twin = h("details", {}, h("summary", {}, "The same as a table"));
    this.element = h("div", {}, this.place, this.twin);
    const tzDate = (s) => uPlot.tzDate(new Date(s * 1000), named);
    const when = (plot, s) => (s === null || s === undefined ? "" : days ? dayOf(tzDate(s)) : `${dayOf(tzDate(s))}, ${timeOf(tzDate(s), true)}`);
    this.options = {
      height, tzDate, axes: axes(unit, days, tzDate), legend: { show: legend, live: true }, cursor: { drag: { x: false, y: false } },
      scales: {
        x: days ? { range: (_, first, last) => [first - 43_200, last + 43_200] } : {},
        y: { range: (_, least, most) => [Math.min(0, least || 0), (most || 1) * 1.1] },
      },
      series: [{ label: days ? "day" : "time", value: when }, ...series],
      hooks: { setCursor: [(plot) => plot.cursor.idx === null || plot.cursor.idx === undefined ? this.#newest() : undefined] },
    };
    this.rows = rows;
    this.label = label;
    this.twin.addEventListener("toggle", () => this.#drawTwin());
    new ResizeObserver(() => this.plot?.setSize({ width: Math.max(200, this.place.clientWidth), height })).observe(this.place);
  }

  set(data) {
    this.data = data;
    if (this.plot) this.plot.setData(data);
    else this.plot = new uPlot({ ...this.options, width: Math.max(200, this.place.clientWidth || 600) }, data, this.place);
    this.#newest();
    this.#drawTwin();
  }

  // Where nobody points at a moment, the legend tells the newest one.
  #newest() {
    if (this.options.legend.show && this.data?.[0].length) this.plot?.setLegend({ idx: this.data[0].length - 1 }, false);
  }

  #drawTwin() {
    if (!this.twin.open || !this.data) return;
    const { columns, rows } = this.rows(this.data);
    this.twin.replaceChildren(this.twin.firstChild, table(this.label, columns, rows));
  }
}

const inUsd = (_, value) => (value === null || value === undefined ? "–" : `$${value.toFixed(2)}`);
export const line = (label, name = "--series", { area = false, width = 2 } = {}) => ({
  label, stroke: colour(name), width, points: { show: false }, value: inUsd, ...(area ? { fill: `${colour(name)}1f` } : {}),
});
export const limit = (label) => ({ label, stroke: colour("--hot"), width: 1.5, dash: [6, 4], points: { show: false }, value: inUsd });

// Bars of several parts, one above the other: drawn from the highest sum down, so that each covers the next.
export function stacked(names, values) {
  const sums = [];
  values.forEach((ys, index) => sums.push(ys.map((y, x) => y + (index ? sums[index - 1][x] : 0))));
  const bars = uPlot.paths.bars({ size: [0.7, 60] });
  const series = names.map((label, index) => ({
    label, fill: PALETTE[index % PALETTE.length], stroke: PALETTE[index % PALETTE.length], width: 0, paths: bars, points: { show: false },
    value: (_, __, ___, x) => (x === null || x === undefined ? "" : `$${values[index][x].toFixed(2)}`),
  }));
  return { series: series.reverse(), data: sums.reverse() };
}

const SVG = "http://www.w3.org/2000/svg";
// A line as wide as a word, for the eye only: the number stands beside it.
export function spark(values) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 90 22");
  svg.setAttribute("aria-hidden", "true");
  const most = Math.max(...values, 1e-9);
  const line = document.createElementNS(SVG, "polyline");
  const step = 88 / Math.max(1, values.length - 1);
  line.setAttribute("points", values.map((value, index) => `${(1 + index * step).toFixed(1)},${(20 - (18 * value) / most).toFixed(1)}`).join(" "));
  svg.append(line);
  return svg;
}
