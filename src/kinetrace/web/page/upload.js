// Choosing files and how they are analysed, and sending them to the server.

import { ServerError, announce, bytes, byId, duration, icon, make, modelName, plural, reason, toast } from "./shell.js";
import { inOrder, measureAbout, measureTitle } from "./measures.js";

const MEMORY = "kinetrace.options";
const KINDS = /^(video|image)\//;
const NAMES = /\.(mp4|m4v|mov|avi|mkv|webm|mts|m2ts|mpe?g|wmv|3gp|jpe?g|png|webp|bmp|tiff?|gif)$/i;
const BACKENDS = {
  mediapipe: "Fast. Follows one person very well, 33 points with feet and hands.",
  hrnet: "More accurate, slower. Best for several people, 17 points.",
};
const PEOPLE = [["1", "One person"], ["2", "Up to 2"], ["3", "Up to 3"], ["4", "Up to 4"], ["6", "Up to 6"], ["10", "Up to 10"], ["all", "Everybody"]];

/** The form; `onSent(job)` is called for each file that the server has taken. */
export class Upload {
  constructor(info, { onSent }) {
    Object.assign(this, { info, onSent });
    this.files = [];
    byId("drop-icon").append(icon("upload"));
    byId("limits").textContent = limitsInWords(info.limits);
    this._fillChoices();
    this._listen();
  }

  _listen() {
    const drop = byId("drop");
    byId("files").addEventListener("change", (event) => {
      this._add(event.target.files);
      event.target.value = ""; // the same file can be chosen again
    });
    for (const name of ["dragover", "dragleave", "drop"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.toggle("is-over", name === "dragover");
        if (name === "drop") this._add(event.dataTransfer.files);
      });
    }
    // A file that misses the field must not replace the page.
    for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
    byId("backend").addEventListener("change", () => this._backendChosen());
    byId("model").addEventListener("change", () => this._hints());
    byId("new").addEventListener("submit", (event) => {
      event.preventDefault();
      this._send();
    });
    byId("sending-stop").addEventListener("click", () => this._stop?.());
  }

  _fillChoices() {
    const { backends, measures } = this.info;
    const remembered = remember();
    const isThere = (name) => backends.some((backend) => backend.name === name && backend.available);
    byId("backend").replaceChildren(...backends.map(({ name, available }) => make("option", { value: name, disabled: !available }, available ? titled(name) : `${titled(name)} (not installed)`)));
    const first = [remembered.backend, "mediapipe", ...backends.map(({ name }) => name)].find(isThere);
    if (first) byId("backend").value = first;
    byId("people").replaceChildren(...PEOPLE.map(([value, text]) => make("option", { value }, text)));
    byId("people").value = PEOPLE.some(([value]) => value === remembered.max_people) ? remembered.max_people : "1";
    const chosen = remembered.measures ?? ["angles"];
    byId("measures").replaceChildren(...inOrder(measures).map((name) => {
      const box = make("input", { type: "checkbox", value: name });
      box.checked = chosen.includes(name);
      return make("label", { class: "check", title: measureAbout(name) }, box, make("span", {}, measureTitle(name)));
    }));
    byId("blur").checked = remembered.blur_faces === true;
    byId("how").addEventListener("change", () => this._tellHow());
    this._backendChosen(remembered.model);
  }

  get _backend() {
    return this.info.backends.find(({ name }) => name === byId("backend").value);
  }

  _backendChosen(remembered) {
    const models = this._backend?.models ?? [];
    byId("model").replaceChildren(...models.map(({ name }) => make("option", { value: name }, name)));
    const names = models.map(({ name }) => name);
    const first = names.includes(remembered) ? remembered : this._backend?.default_model ?? names[0];
    if (first) byId("model").value = first;
    this._hints();
  }

  _hints() {
    const missing = this.info.backends.filter(({ available }) => !available);
    const install = missing.map(({ name, install: line }) => `${titled(name)}: ${line}`).join("; ");
    byId("backend-hint").textContent = [BACKENDS[byId("backend").value], install && `Not installed: ${install}`].filter(Boolean).join(" ");
    const model = this._backend?.models.find(({ name }) => name === byId("model").value);
    byId("model-hint").textContent = model ? [model.bytes ? bytes(model.bytes) : null, model.licence, "fetched when first used"].filter(Boolean).join(" · ") : "";
    byId("people-hint").textContent = byId("backend").value === "mediapipe" ? "One is followed from frame to frame; for more, every frame is searched, which takes longer." : "The more there are in the picture, the longer it takes.";
    this._tellHow();
    this._refresh();
  }

  _tellHow() {
    const { backend, model, measures, blur_faces } = this._options;
    const people = byId("people").selectedOptions[0].textContent.toLowerCase();
    const what = measures.length ? measures.map((name) => measureTitle(name).toLowerCase()).join(", ") : "no measures";
    byId("how-text").textContent = [modelName({ backend, model }), people, what, blur_faces ? "faces blurred" : null].filter(Boolean).join(" · ");
  }

  _add(list) {
    for (const file of list) {
      if (!KINDS.test(file.type) && !NAMES.test(file.name)) toast(`${file.name} is neither a film nor a picture. Choose an MP4, MOV, JPEG or PNG.`, { isError: true });
      else if (file.size > this.info.limits.upload_bytes) toast(`${file.name} has ${bytes(file.size)}; at most ${bytes(this.info.limits.upload_bytes)} are taken. Cut it into shorter pieces.`, { isError: true });
      else if (file.size === 0) toast(`${file.name} is empty. Choose another file.`, { isError: true });
      else this.files.push(file);
    }
    this._refresh();
  }

  _refresh() {
    byId("picked").replaceChildren(...this.files.map((file) => {
      const remove = make("button", { type: "button", class: "quiet", "aria-label": `Do not take ${file.name}` }, icon("close"));
      remove.addEventListener("click", () => {
        this.files = this.files.filter((other) => other !== file);
        this._refresh();
        byId("files").focus();
      });
      return make("li", {}, make("span", {}, file.name), make("span", { class: "row" }, make("span", { class: "soft small number" }, bytes(file.size)), remove));
    }));
    const count = this.files.length;
    const isReady = count > 0 && this._backend?.available === true && !this._isSending;
    byId("start").disabled = !isReady;
    byId("start").textContent = count > 1 ? `Analyse ${count} files` : "Analyse";
    byId("start-hint").textContent = this._hintOfStart(count);
  }

  _hintOfStart(count) {
    if (!this._backend?.available) return "No method is installed yet: see above how to install one, then start kinetrace serve again.";
    return count === 0 ? "Choose a file first." : "";
  }

  get _options() {
    const people = byId("people").value;
    return {
      backend: byId("backend").value, model: byId("model").value || null, max_people: people === "all" ? people : Number(people), smooth: "auto",
      measures: [...byId("measures").querySelectorAll("input:checked")].map(({ value }) => value), blur_faces: byId("blur").checked,
    };
  }

  async _send() {
    const options = this._options;
    localStorage.setItem(MEMORY, JSON.stringify({ ...options, max_people: String(options.max_people) }));
    this._isSending = true;
    let sent = 0;
    while (this.files.length) {
      const file = this.files[0];
      this._refresh();
      try {
        const job = await this._sendOne(file, options);
        if (job === null) break;
        sent += 1;
        this.onSent(job);
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        toast(`${file.name}: ${error.message}`, { isError: true });
        if (!error.status) break; // nobody answers; keep what was chosen
      }
      this.files.shift();
    }
    this._isSending = false;
    byId("sending").hidden = true;
    this._refresh();
    if (!sent) return;
    announce(`${plural(sent, "file")} taken.`);
    byId("recordings").scrollIntoView({ block: "nearest" });
  }

  /** Send one file; its job, or null if it was stopped. fetch cannot tell how much has gone. */
  _sendOne(file, options) {
    const body = new FormData();
    body.append("file", file);
    body.append("options", JSON.stringify(options));
    const request = new XMLHttpRequest();
    this._stop = () => request.abort();
    byId("sending").hidden = false;
    this._tellSent(file, 0);
    return new Promise((resolve, reject) => {
      request.upload.addEventListener("progress", ({ loaded, total }) => this._tellSent(file, total ? loaded / total : 0));
      request.addEventListener("load", () => {
        if (request.status === 201) resolve(request.response);
        else reject(new ServerError(reason(request.status, request.response), request.status));
      });
      request.addEventListener("error", () => reject(new ServerError("The upload broke off. Is `kinetrace serve` still running? Start it again and try once more.")));
      request.addEventListener("abort", () => resolve(null));
      request.responseType = "json";
      request.open("POST", "/api/jobs");
      request.send(body);
    });
  }

  _tellSent(file, share) {
    byId("sending-bar").value = share;
    byId("sending-text").textContent = share < 1 ? `Taking ${file.name}: ${Math.round(100 * share)} %` : `Looking at ${file.name} …`;
  }
}

function limitsInWords({ upload_bytes, duration_s }) {
  return `MP4, MOV, AVI, MKV, WebM, JPEG, PNG and others; up to ${bytes(upload_bytes)}${duration_s ? ` and ${duration(duration_s)}` : ""} each`;
}

function titled(name) {
  return { mediapipe: "MediaPipe", hrnet: "HRNet" }[name] ?? name;
}

function remember() {
  try {
    return JSON.parse(localStorage.getItem(MEMORY)) ?? {};
  } catch {
    return {}; // what another version wrote is of no use
  }
}
