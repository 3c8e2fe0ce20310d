// One quantity over time as SVG, with the playhead; a click goes there.

import { make, makeSvg, number } from "./shell.js";

const HEIGHT = 152;
const MARGIN = { left: 38, right: 6, top: 6, bottom: 18 };
const MOST_MARKS = 80;

/**
 * A chart of `lines`: [{side: "left"|"right"|"middle", isSecond, name, x: [...], y: [...]}] (y may be null).
 * `range` is where the time axis begins and ends, `events` what is marked. Calls `onSeek(time)`.
 */
export class Chart {
  constructor({ title, unit, lines, range, events = [], onSeek }) {
    Object.assign(this, { lines, range, events });
    this._span = spanOf(lines);
    this.decimals = decimalsFor(this._span);
    this._unit = unit;
    this._values = make("span", { class: "values" });
    this._svg = makeSvg("svg", { role: "img", "aria-label": this._inWords(title) });
    this.element = make("figure", { class: "chart" }, make("figcaption", {}, make("span", {}, unit ? `${title} (${unit})` : title), this._values), this._svg);
    this._svg.addEventListener("pointerdown", (event) => this._seek(event, onSeek));
    this._svg.addEventListener("pointermove", (event) => { if (event.buttons & 1) this._seek(event, onSeek); });
    new ResizeObserver(() => this._draw()).observe(this.element);
    this.setTime(range[0]);
  }

  /** Put the playhead at a time, and write the values there. */
  setTime(time) {
    this.time = time;
    this._values.replaceChildren(...this.lines.map((line) => make("span", { class: line.side }, this._valueText(line))));
    if (this._head) this._placeHead();
  }

  setEvents(events) {
    this.events = events;
    this._draw();
  }

  _valueText(line) {
    const value = number(valueAt(line, this.time), this.decimals);
    return line.name ? `${line.name} ${value}` : value;
  }

  _inWords(title) {
    const parts = this.lines.map((line) => {
      const [low, high] = spanOf([line]);
      return `${line.name || title}: ${Number.isFinite(low) ? `from ${number(low, this.decimals)} to ${number(high, this.decimals)}` : "nothing measured"}`;
    });
    return `${title} over time${this._unit ? ` in ${this._unit}` : ""}. ${parts.join("; ")}.`;
  }

  _seek(event, onSeek) {
    const box = this._svg.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    onSeek(this.range[0] + Math.max(0, Math.min(1, share)) * (this.range[1] - this.range[0]));
  }

  _x(time) {
    const [start, end] = this.range;
    return MARGIN.left + ((time - start) / (end - start || 1)) * (this._width - MARGIN.left - MARGIN.right);
  }

  _y(value) {
    const [low, high] = this._axis;
    return MARGIN.top + ((high - value) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  }

  _draw() {
    this._width = this._svg.clientWidth;
    if (!this._width) return;
    this._svg.setAttribute("viewBox", `0 0 ${this._width} ${HEIGHT}`);
    this._axis = axisOf(this._span);
    this._head = makeSvg("line", { class: "head", y1: String(MARGIN.top), y2: String(HEIGHT - MARGIN.bottom) });
    this._svg.replaceChildren(...this._grid(), ...this._marks(), ...this.lines.flatMap((line) => this._line(line)), this._head);
    this._placeHead();
  }

  _placeHead() {
    const isWithin = this.time >= this.range[0] - 1e-6 && this.time <= this.range[1] + 1e-6;
    const x = this._x(this.time).toFixed(1);
    this._head.setAttribute("x1", x);
    this._head.setAttribute("x2", x);
    this._head.setAttribute("visibility", isWithin ? "visible" : "hidden");
  }

  _grid() {
    const [low, high] = this._axis;
    const right = this._width - MARGIN.right;
    const rows = ticks(low, high, 4).flatMap((value) => {
      const y = this._y(value).toFixed(1);
      return [makeSvg("line", { class: "grid", x1: String(MARGIN.left), x2: String(right), y1: y, y2: y }),
        makeSvg("text", { x: String(MARGIN.left - 5), y: String(Number(y) + 4), "text-anchor": "end" }, tickText(value))];
    });
    const times = ticks(...this.range, Math.max(2, Math.floor(this._width / 90))).map((time) => makeSvg("text", {
      x: this._x(time).toFixed(1), y: String(HEIGHT - 3), "text-anchor": "middle",
    }, `${tickText(time)} s`));
    return [...rows, ...times];
  }

  _marks() {
    const shown = this.events.length <= MOST_MARKS ? this.events : [];
    const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom];
    return shown.map(({ start_s, end_s, side }) => {
      const x = this._x(start_s);
      if (end_s === null || end_s === undefined) {
        return makeSvg("line", { class: `moment ${side ?? ""}`, x1: x.toFixed(1), x2: x.toFixed(1), y1: String(top), y2: String(bottom) });
      }
      return makeSvg("rect", { class: "span", x: x.toFixed(1), y: String(top), width: Math.max(1, this._x(end_s) - x).toFixed(1), height: String(bottom - top) });
    });
  }

  /** A line is broken where something is missing; a point by itself is a dot. */
  _line(line) {
    const runs = unbroken(line.x, line.y);
    const kind = `${line.side}${line.isSecond ? " second" : ""}`;
    const dots = runs.filter((run) => run.length === 1).map(([i]) => makeSvg("circle", {
      class: line.side, cx: this._x(line.x[i]).toFixed(1), cy: this._y(line.y[i]).toFixed(1), r: "2.2",
    }));
    const d = runs.filter((run) => run.length > 1).map((run) => this._path(line, run)).join("");
    return d ? [makeSvg("path", { class: kind, d }), ...dots] : dots;
  }

  /** Of the many points within one column of pixels only the first, lowest, highest and last are drawn. */
  _path(line, run) {
    const columns = new Map();
    for (const i of run) {
      const column = Math.round(this._x(line.x[i]) * 2);
      if (!columns.has(column)) columns.set(column, []);
      columns.get(column).push(i);
    }
    const kept = [...columns.values()].flatMap((indices) => {
      if (indices.length <= 4) return indices;
      const byValue = [...indices].sort((a, b) => line.y[a] - line.y[b]);
      return [...new Set([indices[0], byValue[0], byValue[byValue.length - 1], indices[indices.length - 1]])].sort((a, b) => a - b);
    });
    return `M${kept.map((i) => `${this._x(line.x[i]).toFixed(1)} ${this._y(line.y[i]).toFixed(1)}`).join("L")}`;
  }
}

/** Split points into runs without a gap, in values or in time. */
function unbroken(x, y) {
  const steps = x.slice(1).map((value, i) => value - x[i]).sort((a, b) => a - b);
  const longest = 2.5 * (steps[Math.floor(steps.length / 2)] ?? Infinity);
  const runs = [];
  let run = [];
  x.forEach((time, i) => {
    const isMissing = y[i] === null || y[i] === undefined;
    if (run.length && (isMissing || time - x[run[run.length - 1]] > longest)) {
      runs.push(run);
      run = [];
    }
    if (!isMissing) run.push(i);
  });
  if (run.length) runs.push(run);
  return runs;
}

/** The value nearest to a time, or null if there is none near. */
export function valueAt({ x, y }, time) {
  if (!x.length) return null;
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < time) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && Math.abs(x[low - 1] - time) < Math.abs(x[low] - time)) low -= 1;
  const step = x.length > 1 ? (x[x.length - 1] - x[0]) / (x.length - 1) : 0.04;
  return Math.abs(x[low] - time) <= 0.75 * step ? y[low] : null;
}

function spanOf(lines) {
  let [low, high] = [Infinity, -Infinity];
  for (const { y } of lines) {
    for (const value of y) {
      if (value === null || value === undefined) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}

function axisOf([low, high]) {
  if (!Number.isFinite(low)) return [0, 1];
  const margin = 0.06 * (high - low) || Math.max(0.5, Math.abs(high) * 0.1);
  return [low - margin, high + margin];
}

const decimalsFor = ([low, high]) => (high - low >= 20 ? 0 : high - low >= 2 ? 1 : 2);

/** Round numbers within an interval, about `count` of them. */
export function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high + 1e-9 * step; n += 1) found.push(n * step);
  return found;
}

const tickText = (value) => String(Number(value.toPrecision(6))).replace("-", "−");
