// The tabs of measures below the film, linked to the playhead in both directions.

import { ServerError, inWords, make, personName, sentence } from "./shell.js";
import { chartsOf, csvOf, fetchMeasure, measureAbout, measureTitle, measuredOnly, notesOf, ofPerson, peopleOf, tableOf } from "./measures.js";

const SHORT = 6; // rows of a summary that may stand before the curves

/** A tab for each measure; those in `first` are measured at once, the others when they are opened. */
export class MeasurePanel {
  constructor({ job, names, first, exercises, player, onEvents }) {
    Object.assign(this, { job, player, exercises, onEvents });
    this._charts = [];
    this._measured = new Map();
    this._options = new Map();
    this._people = new Map();
    this._events = new Map();
    this._person = null;
    this._tabs = names.map((name) => this._tab(name));
    this._panel = make("div", { role: "tabpanel", id: "measure-panel", tabindex: "-1" });
    this.element = make("section", { class: "card", "aria-label": "Measures" },
      make("h2", {}, "What was measured"), make("div", { class: "tabs", role: "tablist", "aria-label": "Measures" }, this._tabs), this._panel);
    player.addEventListener("frame", () => this._charts.forEach((chart) => chart.setTime(player.time)));
    if (!names.length) return;
    this._select(first[0] ?? names[0]);
    first.slice(1).reduce((before, name) => before.then(() => this._measure(name)), Promise.resolve());
  }

  _tab(name) {
    const tab = make("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "measure-panel", "aria-selected": "false", tabindex: "-1", title: measureAbout(name) }, measureTitle(name));
    tab.dataset.measure = name;
    tab.addEventListener("click", () => this._select(name));
    tab.addEventListener("keydown", (event) => this._tabKey(event));
    return tab;
  }

  _tabKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this._tabs.findIndex((tab) => tab.dataset.measure === this._chosen);
    const next = this._tabs[(at + by + this._tabs.length) % this._tabs.length];
    this._select(next.dataset.measure);
    next.focus();
  }

  /** Measure everything again that was measured: the points have changed. */
  again(job) {
    this.job = job;
    const names = [...this._measured.keys()];
    this._measured.clear();
    names.filter((name) => name !== this._chosen).forEach((name) => this._measure(name));
    if (this._chosen) this._select(this._chosen);
  }

  async _select(name) {
    this._chosen = name;
    for (const tab of this._tabs) {
      const isChosen = tab.dataset.measure === name;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    this._panel.setAttribute("aria-labelledby", `tab-${name}`);
    this._charts = [];
    this._panel.replaceChildren(make("p", { class: "soft", role: "status" }, "Measuring …"));
    const answer = await this._measure(name);
    if (this._chosen === name) this._show(name, answer);
  }

  /** Ask for a measure once; a refusal is an answer, too. */
  _measure(name) {
    if (!this._measured.has(name)) {
      const asked = fetchMeasure(this.job.id, name, this._options.get(name)).then((measure) => ({ measure }), (error) => {
        if (!(error instanceof ServerError)) throw error;
        return { refused: error.message };
      });
      this._measured.set(name, asked.then((answer) => {
        this._events.set(name, answer.measure?.events ?? []);
        this._markEvents();
        return answer;
      }));
    }
    return this._measured.get(name);
  }

  /** What one measure has found, such as heel strikes, is marked in the curves of all. */
  _markEvents() {
    const events = [...this._events.values()].flat();
    this.onEvents(events);
    const own = events.filter(({ person }) => this._person === null || person === this._person);
    this._charts.forEach((chart) => chart.setEvents(own));
  }

  _show(name, { measure, refused }) {
    if (refused) {
      this._panel.replaceChildren(this._form(name), make("p", { class: "message bad" }, sentence(refused)));
      return;
    }
    const people = peopleOf(measure);
    const person = people.includes(this._people.get(name)) ? this._people.get(name) : people[0] ?? null;
    const { times } = this.player;
    this._charts = chartsOf(measure, person, { range: [times[0], times[times.length - 1]], onSeek: (time) => this.player.goToTime(time) });
    this._charts.forEach((chart) => chart.setTime(this.player.time));
    this._person = person;
    this._markEvents();
    const summary = measure.summary && measuredOnly(ofPerson(measure.summary, people.length > 1 ? person : null));
    const short = summary?.rows.length ? tableOf(summary, "In short") : null;
    const isLong = (summary?.rows.length ?? 0) > SHORT;
    const nothing = this._charts.length || short || (measure.rows.length && !measure.series.length) ? null : make("p", {}, "Nothing of this kind could be measured in this recording.");
    const parts = [this._form(name, people, person), nothing, isLong ? null : short, this._chartsPart(), isLong ? short : null, this._rows(name, measure), notesOf(measure.notes)];
    this._panel.replaceChildren(...parts.filter(Boolean));
  }

  _chartsPart() {
    if (!this._charts.length) return null;
    return make("div", { class: "charts controls" }, this._charts.map(({ element }) => element));
  }

  _rows(name, measure) {
    if (!measure.rows.length) return null;
    const isOfFrames = measure.rows.length > 30;
    const save = make("button", { type: "button" }, `Save the table of ${measureTitle(name).toLowerCase()} (CSV)`);
    save.addEventListener("click", () => offer(csvOf(measure), `${this.job.name.replace(/\.[^.]+$/, "")}.${name}.csv`));
    const table = make("details", { class: "controls", open: !isOfFrames }, make("summary", {}, "All values as a table"), tableOf(measure, measureTitle(name)));
    return make("div", {}, table, make("div", { class: "row controls" }, save));
  }

  /** Whose curves, and what a measure wants to know. */
  _form(name, people = [], person = null) {
    const fields = [];
    if (people.length > 1) fields.push(this._personField(name, people, person));
    if (name === "gait") fields.push(this._heightField(name));
    if (name === "repetitions" && this.exercises?.length) fields.push(this._exerciseField(name));
    return fields.length ? make("div", { class: "columns narrow" }, fields) : null;
  }

  _personField(name, people, person) {
    const choice = make("select", {}, people.map((id) => make("option", { value: String(id) }, personName(id))));
    choice.value = String(person);
    choice.addEventListener("change", () => {
      this._people.set(name, Number(choice.value));
      this._select(name);
    });
    return make("label", { class: "field" }, make("span", {}, "Curves of"), choice);
  }

  _heightField(name) {
    const input = make("input", { type: "number", min: "0.5", max: "2.5", step: "0.01", inputmode: "decimal", value: this._options.get(name)?.person_height_m ?? "" });
    input.addEventListener("change", () => this._ask(name, { person_height_m: input.value }));
    return make("label", { class: "field" }, make("span", {}, "Height of the person (m)"), input, make("span", { class: "hint" }, "If you know it, lengths are in metres."));
  }

  _exerciseField(name) {
    const choice = make("select", {}, make("option", { value: "" }, "Find out"), this.exercises.filter((exercise) => exercise !== "auto").map((exercise) => make("option", { value: exercise }, inWords(exercise.replaceAll("-", " ")))));
    choice.value = this._options.get(name)?.exercise ?? "";
    choice.addEventListener("change", () => this._ask(name, { exercise: choice.value }));
    return make("label", { class: "field" }, make("span", {}, "Exercise"), choice);
  }

  _ask(name, options) {
    this._options.set(name, options);
    this._measured.delete(name);
    this._select(name);
  }
}

/** Let the browser save a text as a file. */
function offer(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = make("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
