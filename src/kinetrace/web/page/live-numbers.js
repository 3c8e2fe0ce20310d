// The numbers beside the picture, large enough to be read from some metres away.

import { make, number } from "./shell.js";

/** Keeps a list of numbers; what has not changed is not touched. */
export class Numbers {
  #boxes = new Map();

  constructor(list) {
    this.list = list;
  }

  /** Show an answer of the server's; `isCounting` tells whether repetitions are worth a place. */
  show(answer, isCounting) {
    const wanted = [...this.#repetitions(answer.repetitions, isCounting), ...answer.numbers.map(shown)];
    const names = new Set(wanted.map((each) => each.name));
    for (const [name, box] of this.#boxes) {
      if (names.has(name)) continue;
      box.element.remove();
      this.#boxes.delete(name);
    }
    for (const each of wanted) this.#put(each);
  }

  clear() {
    this.list.replaceChildren();
    this.#boxes.clear();
  }

  #repetitions({ count, half_count: half, last }, isCounting) {
    if (!isCounting) return [];
    const numbers = [{ name: "count", label: "Repetitions", value: String(count), unit: "", kind: "is-wide is-count" }];
    if (half) numbers.push({ name: "half", label: "Half ones", value: String(half), unit: "", kind: "" });
    if (last) numbers.push({ name: "took", label: `Last one: ${last.exercise}`, value: number(last.took_s, 1), unit: "s", kind: "" });
    return numbers;
  }

  #put({ name, label, value, unit, kind }) {
    let box = this.#boxes.get(name);
    if (box === undefined) {
      const [term, figure, small] = [make("dt"), make("span"), make("small")];
      const element = make("div", { class: kind, "data-name": name }, term, make("dd", {}, figure, small));
      box = { element, term, figure, small };
      this.#boxes.set(name, box);
      this.list.append(element);
    }
    setText(box.term, label);
    setText(box.figure, unit === "°" ? `${value}°` : value);
    setText(box.small, unit === "°" || !unit ? "" : ` ${unit}`);
  }
}

function shown({ name, label, value, unit }) {
  const kind = unit !== "°" ? "is-wide" : name.startsWith("left_") ? "is-left" : name.startsWith("right_") ? "is-right" : "";
  return { name, label, value: number(value, unit === "m/s" ? 1 : 0), unit: value === null ? "" : unit, kind };
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
