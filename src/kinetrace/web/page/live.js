// The page Live: a camera or a film, looked at as it comes.

import { ask, byId, make, number, ServerError } from "./shell.js";
import { drawPeople } from "./skeleton.js";
import { Link, median } from "./live-link.js";
import { Numbers } from "./live-numbers.js";
import { Recording } from "./live-record.js";
import { Shots } from "./live-shots.js";
import { listCameras, openCamera, openFilm, SourceError } from "./live-source.js";

const GONE = "Kinetrace does not answer any more. Is `kinetrace serve` still running? Start it again, and then press Start.";
const VIEW_HINTS = {
  "squat": "From the side; from the front, whether the knees fall inwards.", "push-up": "From the side.", "pull-up": "From the side.",
  "sit-up": "From the side.", "jumping-jack": "Face the camera.", "lunge": "From the side.", "curl": "From the side, or face the camera.",
  "overhead-press": "From the side, or face the camera.", "walk": "Walk past the camera, from the side.",
  "auto": "All but curls, which look like a raised hand.", "none": "Angles and events only.",
};
const SHOWN_MS = 2000; // frames a second and delay are those of the last two seconds

const shots = new Shots();
const numbers = new Numbers(byId("numbers"));
const canvas = byId("picture");
let run = null; // what is going on between Start and Stop

/** Ask the server which models there are, and offer them. */
async function offerModels() {
  const select = byId("model");
  try {
    const info = await ask("/api/info");
    for (const backend of info.backends.filter((each) => each.available)) {
      for (const { name } of backend.models) {
        const isFirst = name === "mediapipe-lite";
        const option = make("option", { value: JSON.stringify([backend.name, name]) }, isFirst ? `${name} (fastest)` : name);
        if (isFirst) select.prepend(option);
        else select.append(option);
      }
    }
    select.selectedIndex = 0;
    if (!select.options.length) problem("No method is installed. Run: pip install 'kinetrace[mediapipe]', and start again.");
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    problem(error.message);
  }
}

function settings() {
  const [backend, model] = JSON.parse(byId("model").value || '["mediapipe", null]');
  const height = byId("height").valueAsNumber;
  const isHeight = byId("exercise").value === "walk" && height >= 0.4 && height <= 2.6;
  return {
    backend, model, exercise: byId("exercise").value, space: byId("space").value,
    person_height_m: isHeight ? height : null,
  };
}

/** Begin with a source that `open` opens. */
async function start(open) {
  await stop();
  problem("");
  setState("opening");
  try {
    const source = await open();
    if (byId("live").dataset.state !== "opening") { // Stop was pressed meanwhile
      source.stop();
      return;
    }
    run = new Run(source);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    setState("idle");
    problem(error.message);
    return;
  }
  await offerCameras(run.source);
}

async function stop(why = "") {
  const old = run;
  run = null;
  if (old !== null) await old.end();
  setState("idle");
  problem(why);
}

/** One camera or film, its connection, and what is shown of it. */
class Run {
  skeleton = null;
  recording = null;
  #drawnAtMs = [];
  #delaysMs = [];
  #latest = null;
  #said = [];

  constructor(source) {
    this.source = source;
    byId("stage").classList.toggle("is-mirrored", byId("mirror").checked && source.facesUser);
    setState("loading");
    this.link = new Link(settings(), {
      ready: (answer) => this.#ready(answer),
      answer: (answer, shot) => this.#take(answer, shot),
      closed: (detail) => void whyClosed(detail).then(stop),
    });
    source.onend = (why) => { void stop(why || "The film has ended."); };
    source.watch((timeMs, takenMs) => void this.#look(timeMs, takenMs));
  }

  /** Begin anew with what is set now. */
  restart() {
    setState("loading");
    this.skeleton = null;
    numbers.clear();
    this.link.restart(settings());
  }

  async end() {
    this.source.stop();
    this.link.close();
    if (this.recording !== null) await this.stopRecording();
  }

  startRecording() {
    if (this.skeleton === null) return;
    this.recording = new Recording(canvas, this.skeleton);
    showRecording(this.recording);
  }

  async stopRecording() {
    const { recording } = this;
    this.recording = null;
    showRecording(null);
    offerFiles(await recording.stop());
  }

  #ready(answer) {
    this.skeleton = answer.skeleton;
    setState("running");
  }

  async #look(timeMs, takenMs) {
    if (!this.link.isFree) {
      // Until the models are loaded one sees oneself, at least.
      if (this.skeleton === null) this.#showBare();
      return;
    }
    const shot = { timeMs, takenMs, picture: shots.take(this.source.video) };
    this.link.reserve(shot);
    this.link.send(shot, await shots.jpeg(shot.picture));
  }

  #showBare() {
    const picture = shots.take(this.source.video);
    draw(picture, null, null);
    shots.giveBack(picture);
  }

  #take(answer, shot) {
    if (this.#latest !== null) shots.giveBack(this.#latest.shot.picture); // it came too early for the screen
    else requestAnimationFrame(() => this.#show());
    this.#latest = { answer, shot };
    if (this.recording !== null) {
      this.recording.add(answer);
      if (this.recording.isFull) void this.stopRecording();
    }
    if (answer.said.length) this.#say(answer.said);
  }

  #show() {
    const { answer, shot } = this.#latest;
    this.#latest = null;
    if (run !== this) return;
    draw(shot.picture, answer, this.skeleton);
    shots.giveBack(shot.picture);
    const now = performance.now();
    this.#drawnAtMs.push(now);
    this.#delaysMs.push(now - shot.takenMs);
    while (this.#drawnAtMs[0] < now - SHOWN_MS) {
      this.#drawnAtMs.shift();
      this.#delaysMs.shift();
    }
    numbers.show(answer, !["walk", "none"].includes(byId("exercise").value));
    showNotes(answer.notes);
    this.#showSpeed();
    if (this.recording !== null) showRecording(this.recording);
  }

  #showSpeed() {
    const times = this.#drawnAtMs;
    const spanMs = times.at(-1) - times[0];
    byId("rate").textContent = spanMs > 0 ? number((1000 * (times.length - 1)) / spanMs, 1) : "–";
    byId("delay").textContent = number(median(this.#delaysMs), 0);
  }

  #say(sentences) {
    this.#said = [...sentences];
    byId("said").textContent = sentences.join(" ");
    if (byId("speak").checked) speak(sentences.join(" "));
  }
}

function draw(picture, answer, skeleton) {
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    Object.assign(canvas, { width: picture.width, height: picture.height });
    // Not a style attribute in the page, which the policy forbids, but a property of its element.
    byId("stage").style.setProperty("--ratio", picture.width / picture.height);
  }
  const context = canvas.getContext("2d", { alpha: false });
  context.drawImage(picture, 0, 0);
  if (answer === null || skeleton === null || !byId("skeleton").checked) return;
  const pixels = Math.max(1, Math.max(canvas.width, canvas.height) / 640);
  const show = { boxes: false, ids: answer.people.length > 1 };
  drawPeople(context, { people: answer.people, skeleton, size_wh: [canvas.width, canvas.height], show, pixels });
}

/** Say something aloud; what is not said yet is out of date. */
function speak(text) {
  if (!window.speechSynthesis) return;
  if (speechSynthesis.pending) speechSynthesis.cancel();
  speechSynthesis.speak(new SpeechSynthesisUtterance(text));
}

/** Find out why the connection ended, where nobody has said it. */
async function whyClosed(detail) {
  if (detail) return detail;
  try {
    await ask("/api/info");
  } catch (error) {
    if (error instanceof ServerError && error.status) return error.message;
    return GONE;
  }
  return "The connection to Kinetrace broke off. Press Start to go on.";
}

function setState(state) {
  byId("live").dataset.state = state;
  const isIdle = state === "idle";
  byId("start").hidden = byId("film-button").hidden = !isIdle;
  byId("stop").hidden = isIdle;
  byId("record").hidden = byId("again").hidden = byId("speed").hidden = state !== "running";
  byId("empty").hidden = !(isIdle || state === "opening");
  byId("picture").hidden = !byId("empty").hidden;
  byId("empty-title").textContent = state === "opening" ? "Waiting for the camera" : "Move, and see how";
  byId("teach").hidden = !isIdle;
  byId("model").disabled = byId("camera").disabled = !isIdle;
  if (state === "loading") showNotes(["The model is being loaded. The first time it may be downloaded."]);
  if (isIdle) {
    showNotes([]);
    const pen = canvas.getContext("2d", { alpha: false });
    pen.clearRect(0, 0, canvas.width, canvas.height); // or the last picture would be seen when it begins again
  }
}

function problem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

function showNotes(notes) {
  const list = byId("notes");
  if (list.dataset.text === notes.join("\n")) return;
  list.dataset.text = notes.join("\n");
  list.replaceChildren(...notes.map((note) => make("li", {}, note)));
}

function showRecording(recording) {
  byId("rec-sign").hidden = recording === null;
  byId("record").textContent = recording === null ? "Record" : "Stop recording";
  byId("record").setAttribute("aria-pressed", String(recording !== null));
  if (recording === null) return;
  const whole = Math.floor(recording.seconds);
  byId("rec-time").textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function offerFiles(files) {
  const links = files.map(({ name, what, blob }) => make("li", {},
    make("a", { class: "button", href: URL.createObjectURL(blob), download: name }, `${what}`, make("span", { class: "soft small" }, name.split(".").slice(1).join(".")))));
  byId("files").prepend(...links);
  byId("recordings").hidden = false;
}

async function offerCameras(source) {
  const cameras = source.isCamera ? await listCameras() : [];
  byId("camera-field").hidden = cameras.length < 2;
  byId("camera").replaceChildren(...cameras.map((camera, i) => make("option", { value: camera.deviceId }, camera.label || `Camera ${i + 1}`)));
  if (source.deviceId) byId("camera").value = source.deviceId;
}

function showHints() {
  const exercise = byId("exercise").value;
  byId("exercise-hint").textContent = VIEW_HINTS[exercise];
  byId("height-field").hidden = exercise !== "walk";
}

byId("start").addEventListener("click", () => void start(() => openCamera(byId("camera").value)));
byId("film").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) void start(() => openFilm(file));
});
byId("stop").addEventListener("click", () => void stop());
byId("again").addEventListener("click", () => run?.restart());
byId("record").addEventListener("click", () => void (run?.recording ? run.stopRecording() : run?.startRecording()));
for (const id of ["exercise", "space", "height"]) {
  byId(id).addEventListener("change", () => {
    showHints();
    run?.restart();
  });
}
byId("mirror").addEventListener("change", ({ target }) => {
  byId("stage").classList.toggle("is-mirrored", target.checked && (run?.source.facesUser ?? true));
});
byId("settings").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (run?.recording) event.preventDefault();
});
showHints();
setState("idle");
void offerModels();
