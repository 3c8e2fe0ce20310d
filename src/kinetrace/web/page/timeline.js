// The film as a line: who is seen when, what happened, what was corrected, and where one is.

import { clock, make, makeSvg, personName, plural } from "./shell.js";

const LANE = 26;
const MOST_PEOPLE = 8;
const MOST_KINDS = 5;

/** Return the runs of frames [first, last] in which a person is seen. */
export function runsOf(poses, id) {
  const runs = [];
  poses.people.forEach((people, frame) => {
    if (!people.some((person) => person.id === id)) return;
    const last = runs[runs.length - 1];
    if (last && last[1] === frame - 1) last[1] = frame;
    else runs.push([frame, frame]);
  });
  return runs;
}

/**
 * A slider over frames. Calls `onSeek(frame)` when it is clicked or dragged; keys are the page's.
 * `setFrame`, `setEvents`, `setCorrected` and `setChosen` say what it shows.
 */
export class Timeline {
  constructor({ poses, onSeek }) {
    this.poses = poses;
    this.count = poses.frame_time_s.length;
    this.frame = 0;
    this.events = [];
    this.corrected = [];
    this.chosen = null;
    this._onSeek = onSeek;
    this._runs = poses.tracks.slice(0, MOST_PEOPLE).map(({ id }) => ({ id, runs: runsOf(poses, id) }));
    this._svg = makeSvg("svg", { "aria-hidden": "true" });
    this.element = make("div", {
      class: "timeline", role: "slider", tabindex: "0", "aria-label": "Position in the film", "aria-valuemin": "1", "aria-valuemax": String(this.count),
    }, this._svg);
    this.legend = make("ul", { class: "legend" });
    this._observePointer();
    new ResizeObserver(() => this._draw()).observe(this.element);
    this.setFrame(0);
  }

  setFrame(frame) {
    this.frame = frame;
    const time = this.poses.frame_time_s[frame] ?? 0;
    this.element.setAttribute("aria-valuenow", String(frame + 1));
    const happening = this.events.filter((event) => isAt(event, time, this._tick())).map(nameOf);
    this.element.setAttribute("aria-valuetext", [`Frame ${frame + 1} of ${this.count}, ${clock(time)}`, ...happening].join(", "));
    if (this._head) this._placeHead();
  }

  setEvents(events) {
    this.events = events;
    this._draw();
  }

  setCorrected(frames) {
    this.corrected = frames;
    this._draw();
  }

  setChosen(id) {
    this.chosen = id;
    this._draw();
  }

  _tick() {
    const times = this.poses.frame_time_s;
    return this.count > 1 ? (times[this.count - 1] - times[0]) / (this.count - 1) : 0.04;
  }

  _observePointer() {
    const seek = (event) => {
      const box = this.element.getBoundingClientRect();
      const share = Math.max(0, Math.min(0.999999, (event.clientX - box.left) / box.width));
      this._onSeek(Math.floor(share * this.count));
    };
    this.element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.element.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (this.element.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  _x(frame) {
    return (frame / this.count) * this._width;
  }

  /** Where a time is: the frames are evenly spaced here, whatever their times. */
  _xOfTime(time) {
    const times = this.poses.frame_time_s;
    let frame = times.findIndex((t) => t > time + 1e-6) - 1;
    if (frame < 0) frame = times[0] > time ? 0 : this.count - 1;
    return this._x(frame + 0.5);
  }

  _draw() {
    this._width = this.element.clientWidth;
    if (!this._width) return;
    const kinds = [...new Set(this.events.map(({ label }) => label))];
    const shownKinds = kinds.slice(0, MOST_KINDS);
    const lanes = [...this._runs.map((run, i) => this._personLane(run, i)), ...shownKinds.map((kind, i) => this._kindLane(kind, this._runs.length + i))];
    const height = Math.max(1, lanes.length) * LANE + 4;
    this._svg.setAttribute("height", String(height));
    this._svg.setAttribute("viewBox", `0 0 ${this._width} ${height}`);
    this._head = makeSvg("line", { class: "head", y1: "0", y2: String(height) });
    this._svg.replaceChildren(...lanes, this._head);
    this._placeHead();
    this._drawLegend(kinds.length - shownKinds.length);
  }

  _placeHead() {
    const x = this._x(this.frame + 0.5).toFixed(1);
    this._head.setAttribute("x1", x);
    this._head.setAttribute("x2", x);
  }

  _lane(label, index, ...marks) {
    const top = index * LANE;
    return makeSvg("g", { transform: `translate(0 ${top})` },
      makeSvg("text", { x: "1", y: "11" }, label),
      makeSvg("rect", { class: "track", x: "0", y: "15", width: String(this._width), height: "8", rx: "2" }), ...marks);
  }

  _personLane({ id, runs }, index) {
    const bar = ([first, last]) => makeSvg("rect", {
      class: id === this.chosen ? "seen is-chosen" : "seen", x: this._x(first).toFixed(1), y: "15", height: "8", width: Math.max(1, this._x(last + 1) - this._x(first)).toFixed(1),
    });
    const seen = runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    const fixed = this.corrected.filter((mark) => mark.id === id).map(({ frame }) => makeSvg("rect", {
      class: "corrected", x: (this._x(frame + 0.5) - 2).toFixed(1), y: "12", width: "4", height: "14",
    }));
    const label = `${personName(id)}: seen in ${seen.toLocaleString("en")} of ${plural(this.count, "frame")}${runs.length > 1 ? `, ${plural(runs.length - 1, "gap")}` : ""}`;
    return this._lane(label, index, ...runs.map(bar), ...fixed);
  }

  _kindLane(kind, index) {
    const events = this.events.filter(({ label }) => label === kind);
    const marks = events.map((event) => {
      const x = this._xOfTime(event.start_s);
      if (event.end_s === null || event.end_s === undefined) {
        return makeSvg("line", { class: `moment ${event.side ?? ""}`, x1: x.toFixed(1), x2: x.toFixed(1), y1: "14", y2: "24" });
      }
      const width = Math.max(2, this._xOfTime(event.end_s) - x);
      return makeSvg("rect", { class: "span", x: x.toFixed(1), y: "13", width: width.toFixed(1), height: "12", rx: "2" });
    });
    return this._lane(`${kind} (${events.length})`, index, ...marks);
  }

  _drawLegend(left) {
    const entry = (kind, text) => make("li", {}, make("i", { class: kind }), text);
    this.legend.replaceChildren(...[
      entry("seen", "seen"), entry("gap", "not seen"),
      this.events.some(({ side }) => side) && entry("left", "left"), this.events.some(({ side }) => side) && entry("right", "right"),
      this.corrected.length > 0 && entry("corrected", "corrected by hand"),
      this.poses.tracks.length > MOST_PEOPLE && make("li", {}, `${this.poses.tracks.length - MOST_PEOPLE} more people are not listed here`),
      left > 0 && make("li", {}, `${plural(left, "more kind")} of events: see the tables`),
    ].filter(Boolean));
  }
}

const nameOf = ({ label, side }) => (side ? `${side} ${label.toLowerCase()}` : label.toLowerCase());

function isAt({ start_s, end_s }, time, tick) {
  return end_s === null || end_s === undefined ? Math.abs(time - start_s) < tick / 2 : time >= start_s && time < end_s;
}
