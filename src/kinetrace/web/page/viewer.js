// One recording: the film with the skeletons over it, the timeline, measures, corrections and downloads.

import { announce, ask, attempt, bytes, clock, duration, icon, inWords, make, modelName, number, personName, plural, sentence, toast } from "./shell.js";
import { Correcting } from "./correct.js";
import { KEYS, listenForKeys } from "./keys.js";
import { inOrder } from "./measures.js";
import { MeasurePanel } from "./measure-panel.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2];
const DOWNLOADS = {
  csv: ["Table (CSV)", "for Excel and others"], parquet: ["Table (Parquet)", "the same, for pandas"],
  coco: ["COCO", "for other tools"], overlay: ["Film with skeleton", "drawn into it"], report: ["Report", "one page to read and print"],
};

let open = null;

listenForKeys({
  isOpen: () => open !== null,
  isFilm: () => open.player.isFilm,
  step: (by) => open.player.step(by),
  first: () => open.player.goTo(0),
  last: () => open.player.goTo(open.player.times.length - 1),
  toggle: () => open.player.toggle(),
}, (event) => open.correcting.key(event));

window.addEventListener("beforeunload", (event) => {
  if (open?.correcting.corrections.count) event.preventDefault();
});

/** Whether leaving would lose corrections that are not saved, and the user wants to stay. */
export function wantsToStay() {
  const count = open?.correcting.corrections.count ?? 0;
  return count > 0 && !window.confirm(`${plural(count, "correction")} not saved. Leave without saving?`);
}

export function closeViewer() {
  open?.player.close();
  open = null;
}

/** Fill `place` with a recording that is done. */
export async function openViewer(place, job, info) {
  closeViewer();
  const wanted = title(job);
  place.replaceChildren(wanted, make("p", { class: "soft", role: "status" }, "Loading the points …"));
  const poses = await attempt(() => ask(`/api/jobs/${job.id}/poses`));
  if (!poses || wanted !== place.firstChild) return; // something else was opened meanwhile
  const player = new Player({ kind: job.kind, mediaUrl: `/api/jobs/${job.id}/media`, poses, label: `${job.name} with the people drawn over it` });
  player.element.id = "stage";
  const timeline = new Timeline({ poses, onSeek: (frame) => player.goTo(frame) });
  player.addEventListener("frame", () => timeline.setFrame(player.frame));
  player.addEventListener("broken", () => toast("The browser cannot show this film. The table and the film with skeleton can be saved all the same.", { isError: true }));
  const measures = new MeasurePanel({
    job, player, names: inOrder(info.measures), first: inOrder(info.measures).filter((name) => job.options.measures?.includes(name)), exercises: info.exercises,
    onEvents: (events) => timeline.setEvents(events),
  });
  const correcting = new Correcting({
    jobId: job.id, player, onChange: (places) => timeline.setCorrected(places),
    onSaved: (changed) => {
      measures.again(changed);
      place.querySelector("#about").replaceWith(about(changed, poses));
    },
  });
  open = { job, player, correcting };
  const film = make("div", { class: "film" }, keptInView(player), player.isFilm ? controls(player) : make("div", { class: "row controls" }, zoomChoice(player)), player.isFilm && timeline.element, player.isFilm && timeline.legend);
  const side = make("div", { class: "side" }, correcting.element, shown(player, poses, timeline), downloads(job, info), player.isFilm && keyHelp(), history(poses));
  place.replaceChildren(title(job), about(job, poses), ...warnings(job, poses), make("div", { class: "viewer" }, film, side, measures.element));
  place.querySelector("h1").focus();
}

/** The picture, which goes to a corner while one reads what is below it, so that curves and film are seen at once. */
function keptInView(player) {
  const place = make("div", { class: "stage-place" }, player.element);
  place.style.setProperty("--ratio", player.element.style.getPropertyValue("--ratio"));
  const isWide = window.matchMedia("(min-width: 48rem)");
  new IntersectionObserver(([entry]) => {
    const isAbove = !entry.isIntersecting && entry.boundingClientRect.bottom < 0;
    player.element.classList.toggle("is-aside", isAbove && player.isFilm && isWide.matches);
  }).observe(place);
  return place;
}

function title(job) {
  const ways = make("div", { class: "row apart ways" }, make("a", { class: "button quiet", href: "#" }, icon("back"), "Your recordings"),
    make("a", { class: "button quiet", href: `/compare?a=${job.id}` }, "Compare"));
  return make("div", {}, ways, make("h1", { tabindex: "-1" }, job.name));
}

function about(job, poses) {
  const { media, options } = job;
  const frames = poses.frame_time_s.length;
  const withPeople = poses.people.filter((people) => people.length > 0).length;
  return make("p", { class: "soft number", id: "about" }, [
    `${media.width_px} × ${media.height_px} px`, media.duration_s ? duration(media.duration_s) : null,
    job.kind === "video" ? `people in ${withPeople.toLocaleString("en")} of ${plural(frames, "frame")}` : plural(poses.people[0]?.length ?? 0, "person", "people"),
    job.mean_score === null ? null : `mean score ${number(job.mean_score)}`, modelName(options),
    job.corrected ? "corrected by hand" : null,
  ].filter(Boolean).join(" · "));
}

const NOBODY = "Nobody was found. Is a whole person in the picture, large enough and in good light? Try it with HRNet, or with “Everybody” as the people to follow.";

function warnings(job, poses) {
  const isEmpty = poses.people.every((people) => people.length === 0);
  return [job.problem, isEmpty ? NOBODY : null].filter(Boolean).map((text) => make("p", { class: "message warn" }, sentence(text)));
}

function controls(player) {
  const last = player.times.length - 1;
  const square = (name, label, act) => make("button", { type: "button", class: "square", "aria-label": label, title: label, onclick: act }, icon(name));
  const play = square("play", "Play", () => player.toggle());
  play.id = "play";
  const where = make("span", { class: "clock grow", id: "clock" });
  const tell = () => { where.textContent = `${clock(player.time)} · frame ${player.frame + 1} of ${last + 1}`; };
  const playing = () => {
    play.replaceChildren(icon(player.isPlaying ? "pause" : "play"));
    play.setAttribute("aria-label", player.isPlaying ? "Pause" : "Play");
    if (!player.isPlaying) announce(where.textContent);
  };
  player.addEventListener("frame", tell);
  player.addEventListener("play", playing);
  player.addEventListener("pause", playing);
  tell();
  return make("div", { class: "row controls", role: "group", "aria-label": "Film" },
    square("first", "First frame", () => player.goTo(0)), square("back", "One frame back", () => player.step(-1)), play,
    square("forward", "One frame on", () => player.step(1)), square("last", "Last frame", () => player.goTo(last)), where,
    choice("Speed", SPEEDS.map((rate) => [rate, `${rate} ×`]), 1, (rate) => { player.speed = rate; }),
    zoomChoice(player));
}

function zoomChoice(player) {
  return choice("Zoom", [[1, "Whole picture"], [2, "2 × larger"], [4, "4 × larger"]], 1, (factor) => player.zoom(factor));
}

function choice(label, options, value, act) {
  const select = make("select", { "aria-label": label, title: label }, options.map(([key, text]) => make("option", { value: String(key) }, text)));
  select.value = String(value);
  select.addEventListener("change", () => act(Number(select.value)));
  return select;
}

function shown(player, poses, timeline) {
  const check = (text, isOn, act) => {
    const box = make("input", { type: "checkbox" });
    box.checked = isOn;
    box.addEventListener("change", () => {
      act(box.checked);
      player.redraw();
    });
    return make("label", { class: "check" }, box, make("span", {}, text));
  };
  const kinds = { lines: "Lines", points: "Points", boxes: "Boxes", ids: "Numbers" };
  const people = poses.tracks.map(({ id, frames }) => check(`${personName(id)} (${plural(frames, "frame")})`, true, (isOn) => {
    if (isOn) player.hidden.delete(id);
    else player.hidden.add(id);
    timeline.setChosen(null);
  }));
  return make("section", { class: "card", "aria-label": "What is drawn" }, make("h2", {}, "What is drawn"),
    make("div", { class: "checks" }, Object.entries(kinds).map(([key, text]) => check(text, player.show[key], (isOn) => { player.show[key] = isOn; }))),
    people.length > 1 && make("div", { class: "checks", role: "group", "aria-label": "People" }, people),
    make("ul", { class: "legend" }, make("li", {}, make("i", { class: "drawn-left" }), "left side of the body"), make("li", {}, make("i", { class: "drawn-right" }), "right side"),
      make("li", {}, "faint: not sure")));
}

function downloads(job, info) {
  const kinds = info.downloads.filter((kind) => kind in DOWNLOADS);
  const titleOf = (kind) => (kind === "overlay" && job.kind === "image" ? "Picture with skeleton" : DOWNLOADS[kind][0]);
  return make("section", { class: "card", "aria-label": "Save" }, make("h2", {}, "Save"),
    make("ul", { class: "saves" }, kinds.map((kind) => make("li", {},
      saveLink(job, kind, titleOf(kind)),
      make("span", { class: "small soft" }, DOWNLOADS[kind][1])))),
    make("p", { class: "small soft" }, `On this computer it takes ${bytes(job.size_bytes)}.`));
}

/** A link that waits until the server has made the file, and says so, before the browser takes it. */
function saveLink(job, kind, text) {
  const link = make("a", { class: "button", href: `/api/jobs/${job.id}/download/${kind}`, download: true, id: `download-${kind}` }, text);
  let isReady = false;
  link.addEventListener("click", async (event) => {
    if (isReady) {
      isReady = false; // this is the click below
      return;
    }
    event.preventDefault();
    if (link.getAttribute("aria-busy") === "true") return;
    link.setAttribute("aria-busy", "true");
    link.textContent = "Making it …";
    isReady = (await attempt(() => isMade(link.href))) ?? false;
    link.removeAttribute("aria-busy");
    link.textContent = text;
    if (isReady) link.click();
  });
  return link;
}

/** Ask for a file until its first bytes come; the rest is not wanted here. */
async function isMade(address) {
  const asking = new AbortController();
  await ask(address, { signal: asking.signal, isFile: true });
  asking.abort();
  return true;
}

/** What was done to the points, as the table's log has it. */
function history({ log }) {
  const entry = ({ operation, version, parameters }) => {
    const facts = Object.entries(parameters ?? {}).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value)).map(([key, value]) => `${inWords(key).toLowerCase()}: ${value}`);
    if (Array.isArray(parameters?.corrections)) facts.push(plural(parameters.corrections.length, "point"));
    return make("li", {}, make("b", {}, inWords(operation)), make("span", { class: "small soft" }, ` ${[...facts, `version ${version}`].join(" · ")}`));
  };
  return make("details", { class: "card" }, make("summary", {}, "What was done"), make("ol", { class: "history" }, log.map(entry)));
}

function keyHelp() {
  return make("details", { class: "card" }, make("summary", {}, "Keys"),
    make("dl", { class: "keys" }, KEYS.flatMap(([keys, text]) => [
      make("dt", {}, keys.flatMap((key, i) => [i ? " " : "", make("kbd", {}, key)])), make("dd", {}, text)])));
}
