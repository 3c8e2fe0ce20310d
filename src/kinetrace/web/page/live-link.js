// The connection to the server: pictures go out, what is known comes back.

/** A connection that was refused or lost; `detail` is a sentence for people, "" if nobody said why. */
export class Link {
  #socket;
  #detail = "";
  #sent = [];
  #roundTripsMs = [];
  #isReady = false;
  #settings;

  /**
   * @param settings what the server is told first
   * @param on {ready(answer), answer(answer, shot), closed(detail)}
   */
  constructor(settings, on) {
    const address = new URL("/api/live", window.location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.on = on;
    this.#settings = settings;
    this.#socket = new WebSocket(address);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("open", () => this.#socket.send(JSON.stringify(this.#settings)));
    this.#socket.addEventListener("message", (event) => this.#take(JSON.parse(event.data)));
    this.#socket.addEventListener("close", (event) => {
      this.#isReady = false;
      this.on.closed(this.#detail || event.reason);
    });
  }

  /** Begin anew with other settings; pictures wait until the server is ready again. */
  restart(settings) {
    this.#isReady = false;
    this.#sent = [];
    this.#settings = settings; // which are sent when it is open, if it is not yet
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(settings));
  }

  /**
   * Whether a picture may be sent: one may be looked at while the next one waits at the server. While
   * that takes long, none waits, since waiting is what makes it late.
   */
  get isFree() {
    const most = median(this.#roundTripsMs) < 110 ? 2 : 1;
    return this.#isReady && this.#socket.readyState === WebSocket.OPEN && this.#sent.length < most;
  }

  /** Take a place for a picture that is being made ready. */
  reserve(shot) {
    this.#sent.push(shot);
  }

  /** Send a picture that has a place; it is left out if the connection began anew meanwhile. */
  send(shot, jpeg) {
    if (!this.#sent.includes(shot) || this.#socket.readyState !== WebSocket.OPEN) return;
    const message = new Uint8Array(8 + jpeg.byteLength);
    new DataView(message.buffer).setFloat64(0, shot.timeMs, true);
    message.set(new Uint8Array(jpeg), 8);
    shot.sentMs = performance.now();
    this.#socket.send(message);
  }

  close() {
    this.on = { ready() {}, answer() {}, closed() {} };
    this.#socket.close(1000);
  }

  #take(answer) {
    if (answer.detail !== undefined) {
      this.#detail = answer.detail;
    } else if (answer.ready) {
      this.#isReady = true;
      this.on.ready(answer);
    } else if (this.#isReady) {
      const shot = this.#sent.find((each) => each.timeMs === answer.time_ms);
      // What was sent before it and has not been answered never will be: a newer one took its place.
      this.#sent = this.#sent.filter((each) => each.timeMs > answer.time_ms);
      if (shot === undefined) return;
      this.#roundTripsMs.push(performance.now() - shot.sentMs);
      if (this.#roundTripsMs.length > 15) this.#roundTripsMs.shift();
      this.on.answer(answer, shot);
    }
  }
}

/** The middle of some numbers; 0 of none. */
export function median(values) {
  if (!values.length) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
