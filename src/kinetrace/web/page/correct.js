// Correcting wrong points: by dragging them, or by keys.

import { announce, ask, attempt, icon, inWords, make, personName, plural, toast } from "./shell.js";
import { Corrections } from "./corrections.js";
import { isThere, ringPoint } from "./skeleton.js";

const REACH_PX = 22; // how far from a point, on the screen, one may take hold of it
const NARROW = window.matchMedia("(max-width: 48rem)"); // where the picture and this panel are one above the other
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The panel for it; `onSaved()` is called when the table on the server has been corrected. */
export class Correcting {
  constructor({ jobId, player, onChange, onSaved }) {
    Object.assign(this, { jobId, player, onChange, onSaved });
    this.poses = player.poses;
    this.corrections = new Corrections(this.poses);
    this.isOn = false;
    this.person = 0; // position among the people of the frame
    this.keypoint = 0;
    this._gesture = 0;
    this.element = this._panel();
    this.corrections.addEventListener("change", () => this._changed());
    player.addEventListener("frame", () => this._frameShown());
    player.focus = () => this._point();
    player.extras = (context, pixels) => this._drawExtras(context, pixels);
    this._listen(player.canvas);
    this._refresh();
  }

  get target() {
    return this.player.people[this.person];
  }

  _panel() {
    const button = (text, act, attributes = {}) => make("button", { type: "button", onclick: act, ...attributes }, text);
    this._toggle = button("Correct points", () => this._switch(!this.isOn), { "aria-pressed": "false", id: "correct" });
    this._people = make("select", { onchange: (event) => this._choose(Number(event.target.value), this.keypoint, true) });
    this._keypoints = make("select", { id: "point", onchange: (event) => this._choose(this.person, Number(event.target.value), true) },
      this.poses.skeleton.keypoints.map((name, k) => make("option", { value: String(k) }, inWords(name))));
    this._remove = button("Not there", () => this._put(null));
    this._place = button("Put it in the middle", () => this._put(this._middle()));
    this._undo = make("button", { type: "button", onclick: () => this._back("undo") }, icon("undo"), "Undo");
    this._redo = button("Redo", () => this._back("redo"));
    this._save = button("Save", () => this._send(), { class: "primary", id: "save-corrections" });
    this._what = make("p", { class: "small soft", role: "status" });
    this._tools = make("div", { hidden: true },
      make("p", { class: "small" }, "Drag a point to its right place. Or choose it here and move it with the ", make("kbd", {}, "arrow keys"), " while the picture has the focus; with ", make("kbd", {}, "Shift"), " by ten pixels."),
      make("div", { class: "columns" },
        make("label", { class: "field" }, make("span", {}, "Person"), this._people),
        make("label", { class: "field" }, make("span", {}, "Point"), this._keypoints)),
      this._what, make("div", { class: "row" }, this._remove, this._place),
      make("div", { class: "row controls" }, this._undo, this._redo, this._save));
    return make("section", { class: "card", "aria-label": "Correct points" },
      make("h2", {}, "Is a point wrong?"), this._toggle, this._tools);
  }

  _switch(isOn) {
    this.isOn = isOn;
    this.player.pause();
    this._toggle.setAttribute("aria-pressed", String(isOn));
    this._tools.hidden = !isOn;
    this.player.element.classList.toggle("is-correcting", isOn);
    if (isOn && !this.target) this.person = 0;
    this._refresh();
    this.player.recentre();
    if (isOn && NARROW.matches) this.player.element.scrollIntoView({ block: "start" });
  }

  /** Where the chosen point is, while points are corrected; null if it is not there. */
  _point() {
    const { target, keypoint } = this;
    if (!this.isOn || !target || !isThere(target.xy, keypoint)) return null;
    return [target.xy[2 * keypoint], target.xy[2 * keypoint + 1]];
  }

  _choose(person, keypoint, isByName = false) {
    this.person = person;
    this.keypoint = keypoint;
    this._gesture += 1;
    this._refresh();
    if (isByName) this.player.recentre(); // what was taken by the pointer must not move away from it
    else this.player.redraw();
  }

  /** The same person, as far as they are in this frame, too. */
  _frameShown() {
    this._gesture += 1;
    if (!this.isOn) return;
    const same = this.player.people.findIndex(({ id }) => id === this._id && id >= 0);
    if (same >= 0) this.person = same;
    else if (!this.target) this.person = 0;
    this._refresh();
  }

  _refresh() {
    const people = this.player.people;
    this._people.replaceChildren(...people.map(({ id }, i) => make("option", { value: String(i) }, people.length > 1 && id < 0 ? `Person ${i + 1} of ${people.length}` : personName(id))));
    this._people.value = String(this.person);
    this._keypoints.value = String(this.keypoint);
    this._id = this.target?.id ?? this._id;
    const isMissing = this.target && !isThere(this.target.xy, this.keypoint);
    this._remove.disabled = !this.target || isMissing;
    this._place.hidden = !isMissing;
    this._what.textContent = this._words();
    const { count, canUndo, canRedo } = this.corrections;
    this._undo.disabled = !canUndo;
    this._redo.disabled = !canRedo;
    this._save.disabled = count === 0;
    this._save.textContent = count ? `Save ${plural(count, "correction")}` : "Save";
  }

  _words() {
    const { target, keypoint } = this;
    if (!target) return "Nobody was found in this frame.";
    const name = inWords(this.poses.skeleton.keypoints[keypoint]);
    if (!isThere(target.xy, keypoint)) return `${name}: not there. Click in the picture to put it there.`;
    return `${name}: ${target.xy[2 * keypoint].toFixed(1)}, ${target.xy[2 * keypoint + 1].toFixed(1)} px`;
  }

  _changed() {
    this._refresh();
    this.player.redraw();
    this.onChange(this.corrections.places());
  }

  _put(xy, gesture = null) {
    if (!this.target || (!xy && !isThere(this.target.xy, this.keypoint))) return;
    const { frame } = this.player;
    this.corrections.set({ frame, person: this.person, keypoint: this.keypoint, xy: xy && this._within(xy), gesture });
  }

  _within([x, y]) {
    const [width, height] = this.poses.size_wh;
    return [Math.max(-0.5, Math.min(width - 0.5, x)), Math.max(-0.5, Math.min(height - 0.5, y))];
  }

  _middle() {
    const [left, top, right, bottom] = this.target.box ?? [0, 0, ...this.poses.size_wh];
    return [(left + right) / 2, (top + bottom) / 2];
  }

  _back(way) {
    const step = this.corrections[way]();
    if (!step) return;
    this.player.goTo(step.frame);
    if (step.frame === this.player.frame) this._choose(step.person, step.keypoint);
    announce(way === "undo" ? "Undone" : "Done again");
  }

  /** Take hold of the nearest point; where the chosen one is missing, put it there. */
  _listen(canvas) {
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.isOn || event.button !== 0) return;
      event.preventDefault();
      this.player.element.focus({ preventScroll: true });
      const at = this.player.pointAt(event);
      const near = this._nearest(at);
      if (near) this._choose(near.person, near.keypoint);
      else if (this.target && !isThere(this.target.xy, this.keypoint)) this._put(at);
      else return;
      const { xy } = this.target;
      this._hold = { dx: xy[2 * this.keypoint] - at[0], dy: xy[2 * this.keypoint + 1] - at[1] };
      this._gesture += 1;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this._hold || !canvas.hasPointerCapture(event.pointerId)) return;
      const [x, y] = this.player.pointAt(event);
      this._put([x + this._hold.dx, y + this._hold.dy], this._gesture);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this._hold = null; });
  }

  _nearest([x, y]) {
    const reach = (REACH_PX / this.player.canvas.getBoundingClientRect().width) * this.poses.size_wh[0];
    let best = null;
    this.player.people.forEach(({ id, xy }, person) => {
      if (this.player.hidden.has(id)) return;
      for (let keypoint = 0; keypoint < xy.length / 2; keypoint += 1) {
        if (!isThere(xy, keypoint)) continue;
        const distance = Math.hypot(xy[2 * keypoint] - x, xy[2 * keypoint + 1] - y);
        if (distance <= reach && distance < (best?.distance ?? Infinity)) best = { person, keypoint, distance };
      }
    });
    return best;
  }

  /** Handle a key while the picture has the focus; returns whether it was meant for this. */
  key(event) {
    if (!this.isOn || !this.target) return false;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      this._back(event.shiftKey ? "redo" : "undo");
      return true;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.activeElement !== this.player.element) return false;
    if (event.key === "Delete" || event.key === "Backspace") {
      this._put(null);
      announce(this._words());
      return true;
    }
    const move = MOVES[event.key];
    if (!move) return false;
    const { xy } = this.target;
    const by = event.shiftKey ? 10 : 1;
    const k = this.keypoint;
    this._put(isThere(xy, k) ? [xy[2 * k] + by * move[0], xy[2 * k + 1] + by * move[1]] : this._middle(), `keys ${this._gesture}`);
    return true;
  }

  _drawExtras(context, pixels) {
    const point = this._point();
    if (point) ringPoint(context, { x: point[0], y: point[1], size_wh: this.poses.size_wh, pixels });
  }

  async _send() {
    const corrections = this.corrections.list();
    this._save.disabled = true;
    const job = await attempt(() => ask(`/api/jobs/${this.jobId}/corrections`, { method: "POST", json: { corrections } }));
    if (job) {
      this.corrections.saved();
      toast(`${plural(corrections.length, "correction")} saved. The table, its log and the measures have them now.`);
      this.onSaved(job);
    }
    this._refresh();
  }
}
