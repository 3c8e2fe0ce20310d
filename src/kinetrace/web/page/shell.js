// What every page needs: making elements, asking the server, telling people, and writing numbers.
// Text from anywhere gets into the page as text only; there is no innerHTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. `attributes` may hold `class`, `on*` functions, properties such as `disabled`, and `aria-*`. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an element of SVG. */
export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ICONS = {
  play: "M7 4.5v15l12-7.5z", pause: "M8 5v14M16 5v14", first: "M6 5v14M18 5l-9 7 9 7z", last: "M18 5v14M6 5l9 7-9 7z",
  back: "M15 5l-8 7 8 7", forward: "M9 5l8 7-8 7", upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4", undo: "M8 5L3.5 9.5 8 14M4 9.5h10a6 5 0 010 10h-4",
  close: "M6 6l12 12M18 6L6 18",
};

/** Make one of the icons, which say nothing to a screen reader. */
export function icon(name) {
  return makeSvg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, makeSvg("path", { d: ICONS[name] }));
}

export const byId = (id) => document.getElementById(id);

/** What the server refused, or that it cannot be reached; `message` is a sentence for people. */
export class ServerError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const GONE = "Kinetrace does not answer. Is `kinetrace serve` still running? Start it again; your recordings are kept.";

/** Ask the server, and return its answer (null where it is empty or a file). Raises ServerError. */
export async function ask(path, { method = "GET", json, body, signal, isFile = false } = {}) {
  const headers = json === undefined ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: json === undefined ? body : JSON.stringify(json) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(GONE);
  }
  if (!response.ok) throw new ServerError(await reasonOf(response), response.status);
  return response.status === 204 || isFile ? null : response.json();
}

async function reasonOf(response) {
  const answer = await response.json().catch(() => null);
  return reason(response.status, answer);
}

/** Return the sentence of a refusal, whatever its form. */
export function reason(status, answer) {
  if (typeof answer?.detail === "string") return answer.detail;
  if (status === 401 || status === 403) {
    return "This page has no access. Open the address that `kinetrace serve` printed, with its token.";
  }
  if (status === 404) return "That is not there any more. It may have been deleted; go back to your recordings.";
  if (status === 413) return "The file is too large for this server. Cut it into shorter pieces.";
  return `The server failed (${status}). Try again; if it stays so, look at the window in which it runs.`;
}

let spoken;

/** Say something to screen readers only, without interrupting. */
export function announce(text) {
  spoken ??= document.body.appendChild(make("div", { class: "unseen", role: "status", "aria-live": "polite" }));
  spoken.textContent = text;
}

let shelf;

/** Show a short message at the edge. Errors stay until they are closed. */
export function toast(text, { isError = false } = {}) {
  shelf ??= document.body.appendChild(make("div", { class: "toasts" }));
  for (const old of shelf.children) if (old.firstChild.textContent === sentence(text)) old.remove();
  const close = make("button", { type: "button", class: "quiet square", "aria-label": "Close this message" }, icon("close"));
  const box = make("div", { class: isError ? "toast bad" : "toast", role: isError ? "alert" : "status" }, make("span", {}, sentence(text)), close);
  close.addEventListener("click", () => box.remove());
  if (!isError) setTimeout(() => box.remove(), 6000);
  shelf.append(box);
}

/** Run something that may be refused, and show why if it is. Returns undefined then. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    toast(error instanceof ServerError ? error.message : `The page failed: ${error.message}. Reload it.`, { isError: true });
    if (!(error instanceof ServerError)) console.error(error);
    return undefined;
  }
}

/** 1.5e9 -> "1.5 GB". */
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let step = 0;
  let value = count;
  for (; value >= 1000 && step < units.length - 1; step += 1) value /= 1000;
  return `${value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)} ${units[step]}`;
}

/** A length of time, as people say it: "45 s", "3 min 20 s". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  const minutes = Math.floor((whole % 3600) / 60);
  return `${Math.floor(whole / 3600)} h${minutes ? ` ${minutes} min` : ""}`;
}

/** A moment of a film: "0:07.233". */
export function clock(seconds) {
  const whole = Math.floor(seconds / 60);
  return `${whole}:${(seconds - 60 * whole).toFixed(3).padStart(6, "0")}`;
}

/** "1 frame", "2 frames". */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A number as it is written, with a true minus; "–" for what is missing. */
export function number(value, decimals = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** A text with a capital at its beginning, unless that is the name of a file. */
export function sentence(text) {
  return /^[^ ]*\.\w/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

const WORDS = { sd: "SD", cv: "CV" };

/** "step_time" -> "Step time". */
export function inWords(name) {
  const words = name.split(/[_ ]+/).filter(Boolean).map((word) => WORDS[word] ?? word).join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** "mediapipe-full", or "hrnet mine" where the model's name does not say the backend. */
export function modelName({ backend = "", model = null } = {}) {
  if (!model) return backend;
  return model.startsWith(backend) ? model : `${backend} ${model}`;
}

/** What somebody is called, as in the notes of the measures. */
export function personName(id) {
  return id === null || id === undefined || id < 0 ? "The person" : `Person ${id}`;
}
