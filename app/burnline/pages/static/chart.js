// Charts on uPlot, each with a table of the same numbers below it.
import { h, table } from "./lib.js";

const PALETTE = ["#0b76d1", "#e07b00", "#2a9d59", "#b23bb0", "#d13b3b", "#6b6fd6", "#7a8a00", "#00909a", "#a05a2c", "#6d7b88"];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axes(unit) {
  const style = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  return [style, { ...style, size: 62, values: (_, ticks) => ticks.map((tick) => `${tick.toLocaleString("en-US")}${unit}`) }];
}

// A chart that is drawn once and given new numbers; data is [xs in s, ys, …].
export class Chart {
  constructor(label, { unit = "", series, height = 220, legend = true, rows }) {
    this.place = h("div", { class: "chart", role: "img", "aria-label": label });
    this.twin = h("details", {}, h("summary", {}, "The same as a table"));
    this.element = h("div", {}, this.place, this.twin);
    this.options = { height, axes: axes(unit), legend: { show: legend, live: true }, scales: { y: { range: (_, least, most) => [Math.min(0, least || 0), (most || 1) * 1.1] } }, series: [{}, ...series] };
    this.rows = rows;
    this.label = label;
    this.twin.addEventListener("toggle", () => this.#drawTwin());
    new ResizeObserver(() => this.plot?.setSize({ width: Math.max(200, this.place.clientWidth), height })).observe(this.place);
  }

  set(data) {
    this.data = data;
    if (this.plot) this.plot.setData(data);
    else this.plot = new uPlot({ ...this.options, width: Math.max(200, this.place.clientWidth || 600) }, data, this.place);
    this.#drawTwin();
  }

  #drawTwin() {
    if (!this.twin.open || !this.data) return;
    const { columns, rows } = this.rows(this.data);
    this.twin.replaceChildren(this.twin.firstChild, table(this.label, columns, rows));
  }
}

export const line = (label, name = "--series") => ({ label, stroke: colour(name), width: 2, points: { show: false } });
export const limit = (label) => ({ label, stroke: colour("--hot"), width: 1.5, dash: [6, 4], points: { show: false } });

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
