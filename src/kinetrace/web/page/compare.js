// The page Compare: two recordings side by side with one clock, and their curves over each other.

import { ServerError, ask, attempt, byId, clock, icon, make, modelName, personName } from "./shell.js";
import { chartsOfPairs, differencesOf, paired, summariesOf } from "./curves.js";
import { listenForKeys } from "./keys.js";
import { LineUp } from "./lineup.js";
import { fetchMeasure, inOrder, measureTitle, peopleOf } from "./measures.js";
import { Player } from "./player.js";
import { Together } from "./together.js";

let info;
let jobs = [];
let pair = null; // what is shown: {jobs, players, together, lineUp, charts, measures}

listenForKeys({
  isOpen: () => pair !== null,
  isFilm: () => pair.players.some(({ isFilm }) => isFilm),
  step: (by) => pair.together.step(by),
  first: () => pair.together.first(),
  last: () => pair.together.last(),
  toggle: () => pair.together.toggle(),
});

async function start() {
  const answers = await attempt(() => Promise.all([ask("/api/info"), ask("/api/jobs")]));
  if (!answers) {
    byId("main").append(make("p", { class: "message bad" }, "Kinetrace does not answer. Start `kinetrace serve` and reload this page."));
    return;
  }
  info = answers[0];
  jobs = answers[1].jobs.filter(({ state }) => state === "done");
  byId("too-few").hidden = jobs.length > 0;
  if (!jobs.length) {
    byId("too-few-text").textContent = "Nothing is analysed yet. Analyse two films, or one film twice with different models, and come back.";
    return;
  }
  byId("comparison").hidden = false;
  fillChoices();
  await open();
}

function fillChoices() {
  const wanted = new URLSearchParams(location.search);
  const option = (job) => make("option", { value: job.id }, `${job.name} (${modelName(job.options)})`);
  for (const [name, i] of [["a", Math.min(1, jobs.length - 1)], ["b", 0]]) {
    const select = byId(name);
    select.replaceChildren(...jobs.map(option));
    select.value = jobs.some(({ id }) => id === wanted.get(name)) ? wanted.get(name) : jobs[i].id;
    select.addEventListener("change", open);
  }
  const used = jobs.flatMap(({ options }) => options.measures ?? []);
  byId("measure").replaceChildren(...inOrder(info.measures).map((name) => make("option", { value: name }, measureTitle(name))));
  byId("measure").value = inOrder(info.measures).find((name) => used.includes(name)) ?? inOrder(info.measures)[0];
  byId("measure").addEventListener("change", () => measure());
  for (const name of ["person-a", "person-b"]) byId(name).addEventListener("change", () => draw());
}

/** Show the two that are chosen. */
async function open() {
  const ids = [byId("a").value, byId("b").value];
  history.replaceState(null, "", `/compare?${new URLSearchParams({ a: ids[0], b: ids[1] })}`);
  pair?.players.forEach((player) => player.close());
  pair = null;
  byId("films").replaceChildren(make("p", { class: "soft", role: "status" }, "Loading the points …"));
  byId("together").replaceChildren();
  const chosen = ids.map((id) => jobs.find((job) => job.id === id));
  const poses = await attempt(() => Promise.all(ids.map((id) => ask(`/api/jobs/${id}/poses`))));
  if (!poses || ids[0] !== byId("a").value || ids[1] !== byId("b").value) return;
  const players = chosen.map((job, i) => new Player({ kind: job.kind, mediaUrl: `/api/jobs/${job.id}/media`, poses: poses[i], label: `${"AB"[i]}: ${job.name}` }));
  const together = new Together(players);
  const lineUp = new LineUp({ together, onZeros: (zeros) => { together.lineUp(zeros); draw(); } });
  pair = { jobs: chosen, players, together, lineUp, charts: [], measures: null };
  byId("films").replaceChildren(...players.map((player, i) => film(player, chosen[i], i)));
  byId("together").replaceChildren(together.element, lineUp.element);
  together.addEventListener("time", () => pair?.charts.forEach((chart) => chart.setTime(together.time)));
  await measure();
}

function film(player, job, i) {
  const where = make("span", { class: "clock" });
  const tell = () => { where.textContent = `${clock(player.time)} · frame ${player.frame + 1} of ${player.times.length}`; };
  player.addEventListener("frame", tell);
  tell();
  const step = (name, label, by) => make("button", { type: "button", class: "square", "aria-label": `${"AB"[i]}: ${label}`, title: label, onclick: () => player.step(by) }, icon(name));
  return make("section", { "aria-label": "AB"[i] }, make("h2", {}, `${"AB"[i]}: ${job.name}`), player.element,
    player.isFilm && make("div", { class: "row controls" }, step("back", "one frame back", -1), step("forward", "one frame on", 1), where));
}

/** Measure both, and draw. */
async function measure() {
  const shown = pair;
  const name = byId("measure").value;
  byId("curves").replaceChildren(make("p", { class: "soft", role: "status" }, "Measuring …"));
  try {
    const measures = await Promise.all(shown.jobs.map((job) => fetchMeasure(job.id, name)));
    if (pair !== shown || byId("measure").value !== name) return;
    shown.measures = measures;
    fillPeople();
    shown.lineUp.setEvents(measures.map(({ events }, i) => events.filter(({ person }) => person === chosenPeople()[i])));
    draw();
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (pair !== shown) return;
    shown.measures = null;
    byId("curves").replaceChildren(make("p", { class: "message bad" }, error.message));
  }
}

function fillPeople() {
  ["person-a", "person-b"].forEach((id, i) => {
    const people = peopleOf(pair.measures[i]);
    const before = byId(id).value;
    byId(id).replaceChildren(...people.map((person) => make("option", { value: String(person) }, personName(person))));
    if (people.map(String).includes(before)) byId(id).value = before;
    byId(id).disabled = people.length < 2;
  });
}

/** Their ids; null where nobody was measured. */
const chosenPeople = () => ["person-a", "person-b"].map((id) => (byId(id).value === "" ? null : Number(byId(id).value)));

function draw() {
  if (!pair?.measures) return;
  const { together, measures } = pair;
  const people = chosenPeople();
  const pairs = paired(measures, people, together.zeros);
  pair.charts = chartsOfPairs(pairs, { range: together.range, onSeek: (time) => together.goTo(time) });
  pair.charts.forEach((chart) => chart.setTime(together.time));
  const parts = pairs.length ? [make("div", { class: "charts controls" }, pair.charts.map(({ element }) => element)), differencesOf(pairs)] : [];
  const nothing = parts.length ? null : make("p", {}, "There is no curve that both have. Choose another measure or person.");
  byId("curves").replaceChildren(...[nothing, ...parts, summariesOf(measures, people)].filter(Boolean));
}

start();
