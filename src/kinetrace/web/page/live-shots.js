// Pictures of a video as JPEG, made in a thread of their own where the browser can do that.

const LONGER_SIDE_PX = 640;
const QUALITY = 0.8;

/** Takes pictures of a video element, of the size that models want, and makes JPEGs of them. */
export class Shots {
  #worker = null;
  #waiting = new Map();
  #spare = [];
  #number = 0;

  constructor() {
    if (typeof OffscreenCanvas === "undefined" || !OffscreenCanvas.prototype.convertToBlob) return;
    this.#worker = new Worker("/static/live-worker.js");
    this.#worker.addEventListener("message", ({ data }) => {
      this.#waiting.get(data.number)?.(data.jpeg);
      this.#waiting.delete(data.number);
    });
  }

  /** Take the picture that the video shows now: a canvas, to be given back. */
  take(video) {
    const scale = Math.min(1, LONGER_SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
    const canvas = this.#spare.pop() ?? document.createElement("canvas");
    const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d", { alpha: false, willReadFrequently: true }).drawImage(video, 0, 0, width, height);
    return canvas;
  }

  /** The JPEG of a picture, as an ArrayBuffer. */
  async jpeg(canvas) {
    if (this.#worker === null) {
      const blob = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", QUALITY); });
      return blob.arrayBuffer();
    }
    const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const number = this.#number++;
    const made = new Promise((done) => { this.#waiting.set(number, done); });
    this.#worker.postMessage({ number, image, quality: QUALITY }, [image.data.buffer]);
    return made;
  }

  /** Take back a picture that is not shown any more. */
  giveBack(canvas) {
    if (this.#spare.length < 4) this.#spare.push(canvas);
  }

  close() {
    this.#worker?.terminate();
  }
}
