// The list of recordings: what waits, what runs and how far, what is done; cancel, open, delete.

import { announce, ask, attempt, byId, bytes, duration, make, modelName, plural, sentence, toast } from "./shell.js";

const ACTIVE = new Set(["queued", "running"]);
const STATES = { queued: "Waiting", running: "Running", done: "Done", failed: "Failed", cancelled: "Cancelled" };
const SOON_MS = 700;
const LATER_MS = 15000;

/** Keeps the list up to date. */
export class JobsList {
  constructor() {
    this.jobs = [];
    this._rows = new Map();
    this._told = new Map();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.refresh(); });
  }

  find(id) {
    return this.jobs.find((job) => job.id === id);
  }

  /** Ask the server now, and again as soon as it makes sense. */
  async refresh() {
    clearTimeout(this._timer);
    try {
      const { jobs, storage } = await ask("/api/jobs");
      this._tellChanges(jobs);
      this.jobs = jobs;
      this._draw(storage);
      this._isLost = false;
    } catch (error) {
      if (!this._isLost) toast(error.message, { isError: true });
      this._isLost = true;
    }
    const isBusy = this.jobs.some(({ state }) => ACTIVE.has(state));
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this.refresh(), isBusy || this._isLost ? SOON_MS * (this._isLost ? 5 : 1) : LATER_MS);
  }

  /** Say to a screen reader what it would not notice: each quarter, and the end. */
  _tellChanges(jobs) {
    for (const job of jobs) {
      const quarter = job.state === "running" ? Math.floor(4 * (share(job) ?? 0)) : 0;
      const now = `${job.state} ${quarter}`;
      const before = this._told.get(job.id);
      this._told.set(job.id, now);
      if (before === undefined || before === now) continue;
      announce(job.state === "running" ? `${job.name}: ${25 * quarter} percent` : `${job.name}: ${STATES[job.state]}. ${job.error ?? ""}`);
    }
  }

  _draw(storage) {
    byId("teach").hidden = this.jobs.length > 0;
    byId("recordings").hidden = this.jobs.length === 0;
    byId("storage").textContent = `${bytes(storage.used_bytes)} of ${bytes(storage.limit_bytes)} used`;
    const ids = new Set(this.jobs.map(({ id }) => id));
    for (const [id, row] of this._rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this._rows.delete(id);
    }
    this.jobs.forEach((job, i) => {
      if (!this._rows.has(job.id)) this._rows.set(job.id, new Row(job, this));
      const row = this._rows.get(job.id);
      row.update(job);
      const list = byId("jobs");
      if (list.children[i] !== row.element) list.insertBefore(row.element, list.children[i] ?? null);
    });
  }

  async cancel(job) {
    await attempt(() => ask(`/api/jobs/${job.id}/cancel`, { method: "POST" }));
    await this.refresh();
  }

  async remove(job) {
    if (!window.confirm(`Delete ${job.name}, its film and all that was measured? It cannot be undone.`)) return;
    const done = await attempt(() => ask(`/api/jobs/${job.id}`, { method: "DELETE" }));
    if (done === null) toast(`${job.name} is deleted.`);
    await this.refresh();
    byId("recordings").hidden ? byId("home-title").focus() : byId("jobs").querySelector("a, button")?.focus();
  }
}

function share({ frames_done, frames_expected }) {
  return frames_expected ? Math.min(1, frames_done / frames_expected) : null;
}

/** One recording; its elements stay the same, so that the focus does. */
class Row {
  constructor(job, list) {
    this.list = list;
    this.job = job;
    this.name = make("h3", {});
    this.state = make("span", { class: "state" });
    this.facts = make("span", {});
    this.bar = make("progress", { max: "1", "aria-label": `Progress of ${job.name}` });
    this.progress = make("div", { class: "going" }, this.bar);
    this.trouble = make("p", { class: "message" });
    this.cancel = make("button", { type: "button", "aria-label": `Cancel ${job.name}`, onclick: () => list.cancel(this.job) }, "Cancel");
    this.open = make("a", { class: "button", "aria-label": `Open ${job.name}`, href: `#recording=${job.id}` }, "Open");
    this.delete = make("button", { type: "button", class: "quiet danger", "aria-label": `Delete ${job.name}`, onclick: () => list.remove(this.job) }, "Delete");
    this.element = make("li", { class: "job" },
      make("div", {}, this.name, make("p", { class: "about number" }, this.state, " ", this.facts)),
      make("div", { class: "row" }, this.open, this.cancel, this.delete), this.progress, this.trouble);
    this.element.dataset.job = job.id;
  }

  update(job) {
    this.job = job;
    const isActive = ACTIVE.has(job.state);
    const isDone = job.state === "done";
    if (this.name.textContent !== job.name || isDone !== this._wasDone) {
      this.name.replaceChildren(isDone ? make("a", { href: `#recording=${job.id}` }, job.name) : job.name);
    }
    this._wasDone = isDone;
    this.state.className = `state ${job.state}`;
    this.state.textContent = STATES[job.state];
    this.facts.textContent = factsOf(job);
    this.progress.hidden = !isActive;
    const done = share(job);
    if (done === null) this.bar.removeAttribute("value");
    else this.bar.value = done;
    const trouble = job.error ?? job.problem;
    this.trouble.hidden = !trouble;
    this.trouble.textContent = sentence(trouble ?? "");
    this.trouble.className = `message ${job.error ? "bad" : "warn"}`;
    this.open.hidden = !isDone;
    this.cancel.hidden = !isActive;
    this.delete.hidden = isActive;
  }
}

function factsOf(job) {
  const parts = [];
  if (job.state === "running") {
    parts.push(job.phase);
    if (job.frames_done) parts.push(job.frames_expected ? `frame ${job.frames_done} of ${job.frames_expected}` : plural(job.frames_done, "frame"));
    if (job.seconds_left !== null && job.seconds_left !== undefined) parts.push(`about ${left(job.seconds_left)} left`);
    return parts.filter(Boolean).join(" · ");
  }
  if (job.state === "done" && job.people !== null) parts.push(job.people === 0 ? "nobody found" : plural(job.people, "person", "people"));
  if (job.media?.duration_s) parts.push(duration(job.media.duration_s));
  parts.push(modelName(job.options), when(job.created_utc), bytes(job.size_bytes));
  if (job.corrected) parts.push("corrected by hand");
  return parts.filter(Boolean).join(" · ");
}

const left = (seconds) => (seconds < 10 ? `${Math.max(1, Math.round(seconds))} s` : duration(seconds));

function when(utc) {
  const date = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(utc) ? utc : `${utc}Z`);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}
