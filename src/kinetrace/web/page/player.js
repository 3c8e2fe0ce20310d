// A film, or a picture, with the people drawn on a canvas over it, frame by frame.
//
// Which frame is on the screen is never guessed from a clock: the browser tells the time of each frame that it
// shows (requestVideoFrameCallback), and the table has the time of each frame that was looked at.

import { make } from "./shell.js";
import { drawPeople } from "./skeleton.js";

const BEHIND_S = 0.003;
const FAR_S = 0.3; // too far to catch up with by going faster

/**
 * Events: "frame" whenever another frame is shown, "play", "pause", "ready", and "broken" if the browser cannot play it.
 * `extras(context, pixels)` is drawn last.
 */
export class Player extends EventTarget {
  constructor({ kind, mediaUrl, poses, label }) {
    super();
    this.poses = poses;
    this.times = poses.frame_time_s;
    this.frame = 0;
    this.show = { lines: true, points: true, boxes: false, ids: true };
    this.hidden = new Set();
    this.extras = null;
    this.focus = () => null; // where to look when the picture is enlarged, in its pixels
    this._offset = 0; // what the browser calls the time of the table's 0
    this._wanted = null;
    this._isSeeking = false;
    this._presented = null; // the frame that the browser has shown last
    this._zoom = 1;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.media = kind === "video" ? this._makeVideo(mediaUrl) : this._makePicture(mediaUrl);
    this._zoomed = make("div", { class: "zoomed" }, this.media, this.canvas);
    this.element = make("div", { class: "stage", role: "group", "aria-label": label, tabindex: "0" }, this._zoomed);
    this.element.style.setProperty("--ratio", String(poses.size_wh[0] / poses.size_wh[1]));
    this._observer = new ResizeObserver(() => this.redraw());
    this._observer.observe(this.element);
  }

  get isFilm() {
    return this.media instanceof HTMLVideoElement;
  }

  get isPlaying() {
    return this.isFilm && !this.media.paused && !this.media.ended;
  }

  get time() {
    return this.times[this.frame] ?? 0;
  }

  get people() {
    return this.poses.people[this.frame] ?? [];
  }

  set speed(rate) {
    if (this.isFilm) this.media.playbackRate = rate;
  }

  _makePicture(url) {
    const picture = make("img", { alt: "" });
    picture.addEventListener("load", () => this._tell("ready"));
    picture.addEventListener("error", () => this._tell("broken"));
    picture.src = url;
    return picture;
  }

  _makeVideo(url) {
    const video = make("video", { playsinline: true, preload: "auto", tabindex: "-1" });
    video.muted = true;
    video.disablePictureInPicture = true;
    video.addEventListener("loadeddata", () => this._tell("ready"));
    video.addEventListener("error", () => this._tell("broken"));
    video.addEventListener("play", () => this._tell("play"));
    video.addEventListener("pause", () => this._tell("pause"));
    video.addEventListener("ended", () => this._tell("pause"));
    video.addEventListener("seeked", () => this._seeked());
    if (video.requestVideoFrameCallback) this._followPresented(video);
    else this._followClock(video);
    video.src = url;
    return video;
  }

  _followPresented(video) {
    let isFirst = true;
    const presented = (_now, { mediaTime }) => {
      if (isFirst && video.currentTime === 0) this._offset = mediaTime - (this.times[0] ?? 0);
      isFirst = false;
      this._presented = this._nearest(mediaTime - this._offset);
      if (!this._isSeeking) this._showFrame(this._presented);
      video.requestVideoFrameCallback(presented);
    };
    video.requestVideoFrameCallback(presented);
  }

  /** Where the browser does not tell, its clock must do; it may be a frame early. */
  _followClock(video) {
    const tick = () => {
      if (this.isPlaying) this._showFrame(this._lastAt(video.currentTime - this._offset));
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  /** Show a frame by its position in the table. */
  goTo(frame) {
    const wanted = Math.max(0, Math.min(this.times.length - 1, frame));
    if (!this.isFilm) return;
    if (!this.media.paused) this.media.pause();
    this._wanted = wanted;
    if (!this._isSeeking) this._seek();
  }

  /** Show the frame nearest to a time of the table. */
  goToTime(time) {
    this.goTo(this._nearest(time));
  }

  step(by) {
    this.goTo((this._wanted ?? this.frame) + by);
  }

  play() {
    if (!this.isFilm) return;
    this._wanted = null;
    if (this.frame >= this.times.length - 1) this.media.currentTime = 0;
    this._play();
  }

  _play() {
    this.media.play().catch((error) => {
      if (error.name !== "AbortError") this._tell("broken"); // a pause right after it is no failure
    });
  }

  pause() {
    if (this.isFilm) this.media.pause();
  }

  /** Where films are played together: keep near a time of the table by going a little faster or slower. */
  follow(time, rate) {
    if (!this.isFilm) return;
    const { media, times } = this;
    if (time < times[0] || time > times[times.length - 1]) {
      media.pause();
      return;
    }
    const late = time + this._offset - media.currentTime;
    if (Math.abs(late) > FAR_S) media.currentTime += late;
    this._wanted = null;
    media.playbackRate = rate * (1 + Math.max(-0.2, Math.min(0.2, 2 * late)));
    if (media.paused) this._play();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  close() {
    this._observer.disconnect();
    this.pause();
    if (this.isFilm) {
      this.media.removeAttribute("src");
      this.media.load();
    }
  }

  /**
   * Aim a little behind the beginning of the frame, so that rounding cannot lead to the one before it.
   *
   * Not at its middle: what a film says of how long a frame is shown is often wrong where the rate varies.
   */
  _seek() {
    const frame = this._wanted;
    const length = (this.times[frame + 1] ?? this.times[frame] + this._frameLength()) - this.times[frame];
    this._isSeeking = true;
    this._aim = frame;
    this._presented = null;
    this.media.currentTime = Math.max(0, this.times[frame] + Math.min(length / 2, BEHIND_S) + this._offset);
  }

  _seeked() {
    if (!this._isSeeking) return;
    this._isSeeking = false;
    if (this._wanted !== null && this._wanted !== this._aim) {
      this._seek();
      return;
    }
    this._wanted = null;
    this._showFrame(this._presented ?? this._lastAt(this.media.currentTime - this._offset));
  }

  _frameLength() {
    const count = this.times.length;
    return count > 1 ? (this.times[count - 1] - this.times[0]) / (count - 1) : 0.04;
  }

  _lastAt(time) {
    let low = 0;
    let high = this.times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time + 1e-4) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  _nearest(time) {
    const before = this._lastAt(time);
    const after = Math.min(before + 1, this.times.length - 1);
    return Math.abs(this.times[after] - time) < Math.abs(this.times[before] - time) ? after : before;
  }

  _showFrame(frame) {
    const isNew = frame !== this.frame;
    this.frame = frame;
    if (isNew) this._tell("frame");
    if (isNew && this._zoom > 1) this.recentre();
    else this.redraw();
  }

  /** Show a part of the picture, `factor` times as large. */
  zoom(factor) {
    this._zoom = factor;
    this.recentre();
  }

  /** Look at what has the focus, else at the first person, else at where one looked before. */
  recentre() {
    const box = this.people.find(({ id }) => !this.hidden.has(id))?.box;
    this._centre = this.focus() ?? (box ? [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] : this._centre);
    this.redraw();
  }

  _placeZoom() {
    const shares = this.poses.size_wh.map((size, i) => {
      const middle = (this._centre?.[i] ?? size / 2) / size;
      return Math.max(0, Math.min(1 - 1 / this._zoom, middle - 0.5 / this._zoom));
    });
    this._zoomed.style.transform = this._zoom === 1 ? "" : `scale(${this._zoom}) translate(${-100 * shares[0]}%, ${-100 * shares[1]}%)`;
  }

  /** Draw the people of this frame again. */
  redraw() {
    this._placeZoom();
    const pixels = Math.min(4, (window.devicePixelRatio || 1) * this._zoom);
    const width = Math.round(this.element.clientWidth * pixels);
    const height = Math.round(this.element.clientHeight * pixels);
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    const onScreen = pixels / this._zoom; // strokes stay as thin on the screen, however near one looks
    context.clearRect(0, 0, width, height);
    drawPeople(context, { ...this.poses, people: this.people.filter(({ id }) => !this.hidden.has(id)), show: this.show, pixels: onScreen });
    this.extras?.(context, onScreen);
  }

  /** Where in the picture, in its pixels, a pointer is. */
  pointAt({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const [width, height] = this.poses.size_wh;
    return [((clientX - box.left) / box.width) * width - 0.5, ((clientY - box.top) / box.height) * height - 0.5];
  }

  _tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
