// Two films with one clock. A time is counted from the moment that they are lined up at.

import { announce, icon, make, number } from "./shell.js";

/** `players` is [A, B]; `zeros` are the times of the tables that belong together. Tells "time". */
export class Together extends EventTarget {
  constructor(players) {
    super();
    this.players = players;
    this.zeros = players.map(({ times }) => times[0] ?? 0);
    this.time = 0;
    this.speed = 1;
    this.isPlaying = false;
    this.element = this._controls();
  }

  /** Where the common clock begins and ends. */
  get range() {
    const starts = this.players.map(({ times }, i) => times[0] - this.zeros[i]);
    const ends = this.players.map(({ times }, i) => times[times.length - 1] - this.zeros[i]);
    return [Math.min(...starts), Math.max(...ends)];
  }

  /** Of the film whose frames are closer together. */
  get frameLength() {
    const lengths = this.players.filter(({ times }) => times.length > 1).map(({ times }) => (times[times.length - 1] - times[0]) / (times.length - 1));
    return lengths.length ? Math.min(...lengths) : 0.04;
  }

  lineUp(zeros) {
    this.zeros = zeros;
    this._fitSlider();
    this.goTo(0);
  }

  goTo(time) {
    this._stop();
    const [start, end] = this.range;
    this.time = Math.max(start, Math.min(end, time));
    this.players.forEach((player, i) => player.goToTime(this.time + this.zeros[i]));
    this._tell();
  }

  step(frames) {
    this.goTo((Math.round(this.time / this.frameLength) + frames) * this.frameLength);
  }

  first() {
    this.goTo(this.range[0]);
  }

  last() {
    this.goTo(this.range[1]);
  }

  toggle() {
    if (this.isPlaying) {
      this.goTo(this.time); // both on their exact frames
      announce(this._where.textContent);
    } else this._play();
  }

  _play() {
    if (this.time >= this.range[1] - 1e-6) this.goTo(this.range[0]);
    this.isPlaying = true;
    this._showState();
    let before = performance.now();
    const tick = (now) => {
      if (!this.isPlaying) return;
      this.time += ((now - before) / 1000) * this.speed;
      before = now;
      if (this.time >= this.range[1]) {
        this.goTo(this.range[1]);
        return;
      }
      this.players.forEach((player, i) => player.follow(this.time + this.zeros[i], this.speed));
      this._tell();
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  _stop() {
    this.isPlaying = false;
    this.players.forEach((player) => player.pause());
    this._showState();
  }

  _controls() {
    const square = (name, label, act) => make("button", { type: "button", class: "square", "aria-label": label, title: label, onclick: act }, icon(name));
    this._button = square("play", "Play both", () => this.toggle());
    this._where = make("span", { class: "clock", id: "clock" });
    this._slider = make("input", { type: "range", class: "scrub", "aria-label": "Position in both films", step: "any" });
    this._slider.addEventListener("input", () => this.goTo(Number(this._slider.value)));
    const speed = make("select", { "aria-label": "Speed", title: "Speed" }, [0.1, 0.25, 0.5, 1].map((rate) => make("option", { value: String(rate) }, `${rate} ×`)));
    speed.value = "1";
    speed.addEventListener("change", () => { this.speed = Number(speed.value); });
    this._fitSlider();
    this._tell();
    return make("div", {}, make("div", { class: "row controls", role: "group", "aria-label": "Both films" },
      square("first", "To the beginning", () => this.first()), square("back", "One frame back", () => this.step(-1)), this._button,
      square("forward", "One frame on", () => this.step(1)), square("last", "To the end", () => this.last()), this._where, make("span", { class: "spacer" }), speed), this._slider);
  }

  _fitSlider() {
    const [start, end] = this.range;
    Object.assign(this._slider, { min: String(start), max: String(end) });
  }

  _showState() {
    this._button.replaceChildren(icon(this.isPlaying ? "pause" : "play"));
    this._button.setAttribute("aria-label", this.isPlaying ? "Pause both" : "Play both");
  }

  _tell() {
    this._slider.value = String(this.time);
    this._where.textContent = `${number(this.time, 3)} s`;
    this._slider.setAttribute("aria-valuetext", `${number(this.time, 2)} seconds from where they are lined up`);
    this.dispatchEvent(new Event("time"));
  }
}
