// What is recorded: the picture as it is shown, a table of keypoints, and a table of numbers.

const LONGEST_S = 1800; // a table of half an hour has some 40 MB, and it is all in the page
const FILM_TYPES = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];

/** One recording, from when it is made until `stop`. */
export class Recording {
  #film = null;
  #filmParts = [];
  #keypoints = [];
  #numbers = [];
  #names = null;
  #frames = 0;
  #firstMs = null;
  #lastMs = 0;

  /**
   * @param canvas its picture is filmed, where the browser can do that
   * @param skeleton of the people that come
   */
  constructor(canvas, skeleton) {
    this.skeleton = skeleton;
    this.began = new Date();
    const type = FILM_TYPES.find((each) => window.MediaRecorder?.isTypeSupported(each));
    if (!type || !canvas.captureStream) return;
    this.#film = new MediaRecorder(canvas.captureStream(30), { mimeType: type, videoBitsPerSecond: 4e6 });
    this.#film.addEventListener("dataavailable", ({ data }) => this.#filmParts.push(data));
    this.#film.start(1000);
  }

  get seconds() {
    return this.#firstMs === null ? 0 : (this.#lastMs - this.#firstMs) / 1000;
  }

  get isFull() {
    return this.seconds >= LONGEST_S;
  }

  /** Add what is known of the next picture. */
  add(answer) {
    this.#firstMs ??= answer.time_ms;
    this.#lastMs = answer.time_ms;
    const first = `${this.#frames++},${this.seconds.toFixed(6)}`;
    const columns = 6 + 3 * this.skeleton.keypoints.length;
    if (!answer.people.length) this.#keypoints.push(`${first}${",".repeat(columns)}\n`);
    for (const person of answer.people) this.#keypoints.push(`${first},${rowOf(person)}\n`);
    this.#names ??= answer.numbers.map((each) => each.name);
    const { count, half_count: half } = answer.repetitions;
    const byName = new Map(answer.numbers.map((each) => [each.name, each.value]));
    const values = this.#names.map((name) => byName.get(name) ?? "");
    this.#numbers.push([first, answer.person, ...values, count, half, quoted(answer.said.join(" "))].join(",") + "\n");
  }

  /** End it; returns [{name, what, blob}] of what there is. */
  async stop() {
    const stem = `live-${this.began.toISOString().slice(0, 19).replaceAll(":", "-").replace("T", "-")}`;
    const files = [];
    if (this.#film !== null) {
      const ended = new Promise((done) => { this.#film.addEventListener("stop", done, { once: true }); });
      this.#film.stop();
      for (const track of this.#film.stream.getTracks()) track.stop();
      await ended;
      const type = this.#film.mimeType.split(";")[0];
      files.push({ name: `${stem}.${type === "video/mp4" ? "mp4" : "webm"}`, what: "Film", blob: new Blob(this.#filmParts, { type }) });
    }
    const points = this.skeleton.keypoints.flatMap((name) => [`${name}_x_px`, `${name}_y_px`, `${name}_score`]);
    const head = ["frame", "time_s", "track_id", "bbox_x1_px", "bbox_y1_px", "bbox_x2_px", "bbox_y2_px", "bbox_score", ...points];
    files.push({ name: `${stem}.keypoints.csv`, what: "Table of keypoints", blob: table(head, this.#keypoints) });
    const about = ["frame", "time_s", "track_id", ...(this.#names ?? []), "repetitions", "half_repetitions", "said"];
    files.push({ name: `${stem}.numbers.csv`, what: "Table of numbers", blob: table(about, this.#numbers) });
    return files;
  }
}

const table = (head, rows) => new Blob([`${head.join(",")}\n`, ...rows], { type: "text/csv" });

/** A row as `kinetrace estimate` writes it, from track_id on. */
function rowOf({ id, box, xy, score }) {
  const cells = [id, ...box.map((value) => text(value, 3)), ""];
  score.forEach((each, k) => cells.push(text(xy[2 * k], 3), text(xy[2 * k + 1], 3), text(each, 4)));
  return cells.join(",");
}

const text = (value, decimals) => (value === null ? "" : value.toFixed(decimals));
const quoted = (words) => (/[",\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words);
