// Which moments of two films belong together: their beginnings, an event of both, or what is shown.

import { make, plural, toast } from "./shell.js";

/** The choice; `onZeros([a, b])` is called with the times that belong together. */
export class LineUp {
  constructor({ together, onZeros }) {
    Object.assign(this, { together, onZeros });
    this._events = [new Map(), new Map()];
    this._choice = make("select", { id: "line-up" });
    this._numbers = ["A", "B"].map((name) => make("input", { type: "number", min: "1", value: "1", "aria-label": `Which one in ${name}` }));
    this._which = make("div", { class: "row" }, make("label", { class: "row" }, "number in A", this._numbers[0]), make("label", { class: "row" }, "in B", this._numbers[1]));
    const now = make("button", { type: "button", id: "line-up-now" }, "What is shown now belongs together");
    now.addEventListener("click", () => this._lineUpNow());
    this._choice.addEventListener("change", () => this._apply());
    for (const input of this._numbers) input.addEventListener("change", () => this._apply());
    this.element = make("section", { class: "card controls", "aria-label": "Line up" },
      make("div", { class: "row" }, make("label", { class: "row" }, "Line up by", this._choice), this._which, now),
      make("p", { class: "small soft" }, "To line them up by eye, move each film by the buttons below it, then press the button here."));
    this._fill();
  }

  /** Offer the events that both have; each is a list of {label, side, start_s} of one film. */
  setEvents(ofBoth) {
    this._events = ofBoth.map((events) => {
      const kinds = new Map();
      for (const { label, side, start_s } of [...events].sort((a, b) => a.start_s - b.start_s)) {
        const name = side ? `${label}, ${side}` : label;
        if (!kinds.has(name)) kinds.set(name, []);
        kinds.get(name).push(start_s);
      }
      return kinds;
    });
    this._fill();
  }

  _fill() {
    const [a, b] = this._events;
    const common = [...a.keys()].filter((name) => b.has(name));
    const before = this._choice.value || "start";
    const option = (value, text) => make("option", { value }, text);
    this._choice.replaceChildren(option("start", "the beginning"), ...common.map((name) => option(`event:${name}`, `${name} (${a.get(name).length} in A, ${b.get(name).length} in B)`)));
    if (before === "now") this._choice.append(option("now", "by eye"));
    this._choice.value = [...this._choice.options].some(({ value }) => value === before) ? before : "start";
    if (this._choice.value !== before) this._apply();
    this._which.hidden = !this._choice.value.startsWith("event:");
  }

  _apply() {
    const { value } = this._choice;
    this._which.hidden = !value.startsWith("event:");
    if (value === "start") this.onZeros(this.together.players.map(({ times }) => times[0]));
    if (!value.startsWith("event:")) return;
    const name = value.slice("event:".length);
    const zeros = this._events.map((kinds, i) => {
      const times = kinds.get(name);
      const wanted = Number(this._numbers[i].value);
      if (!(wanted >= 1 && wanted <= times.length)) toast(`There ${times.length === 1 ? "is" : "are"} ${plural(times.length, "such event")} in ${"AB"[i]}: choose from 1 to ${times.length}.`, { isError: true });
      const at = Math.max(1, Math.min(times.length, Math.round(wanted) || 1));
      this._numbers[i].value = String(at);
      this._numbers[i].max = String(times.length);
      return times[at - 1];
    });
    this.onZeros(zeros);
  }

  _lineUpNow() {
    if (![...this._choice.options].some(({ value }) => value === "now")) this._choice.append(make("option", { value: "now" }, "by eye"));
    this._choice.value = "now";
    this._which.hidden = true;
    this.onZeros(this.together.players.map(({ time }) => time));
  }
}
