// Measures of a recording: what the server measured as charts, tables and notes.

import { ask, inWords, make, number, plural, sentence } from "./shell.js";
import { Chart } from "./chart.js";

const MOST_ROWS = 100;
const EXPLAINED = {
  angles: ["Joint angles", "Knees, hips, elbows, trunk and more, in every frame."],
  gait: ["Walking", "Steps, cadence, stance and swing, seen from the side."],
  repetitions: ["Exercises", "Squats, push-ups and others: counted, timed, and their form judged."],
  events: ["Events", "Falls, lying, sitting, raised hands, stillness, crowding."],
  actions: ["Actions", "Which of fifteen sports actions it is."],
};

const PLACES = Object.keys(EXPLAINED);

/** Measures by name, in the order in which people look for them; what is not known here comes last. */
export function inOrder(names) {
  const place = (name) => (PLACES.includes(name) ? PLACES.indexOf(name) : PLACES.length);
  return [...names].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

export const measureTitle = (name) => EXPLAINED[name]?.[0] ?? inWords(name);
export const measureAbout = (name) => EXPLAINED[name]?.[1] ?? "";

const UNITS = [["_steps_per_min", "steps/min", 1], ["_per_min", "/min", 1], ["_deg_per_s", "°/s", 0], ["_m_per_s", "m/s", 2], ["_px_per_s", "px/s", 0],
  ["_per_s", "/s", 2], ["_percent", "%", 1], ["_deg", "°", 1], ["_hz", "Hz", 1], ["_px", "px", 0], ["_s", "s", 2], ["_m", "m", 2]];

function parse(column) {
  const [ending, unit, decimals] = UNITS.find(([end]) => column.endsWith(end) && column !== end) ?? ["", "", 2];
  return { what: column.slice(0, column.length - ending.length), unit, decimals };
}

/** "left_step_time_s" -> "Left step time (s)". */
export function heading(column) {
  if (column === "track_id") return "Person";
  const { what, unit } = parse(column);
  return unit ? `${inWords(what)} (${unit})` : inWords(what);
}

function cell(column, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value.replaceAll("_", " ");
  return number(value, Number.isInteger(value) && !parse(column).unit ? 0 : parse(column).decimals);
}

/** Ask the server for a measure; `options` may have a height and an exercise. */
export async function fetchMeasure(jobId, name, options = {}) {
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value !== "" && value !== null));
  const measure = await ask(`/api/jobs/${jobId}/measures/${name}${query.size ? `?${query}` : ""}`);
  for (const event of measure.events) {
    const { what, side } = partsOf(event.label);
    Object.assign(event, { label: what, side });
  }
  return measure;
}

/** Take a label apart: "Knee, left" is the knee, left; so is "Heel strike left". */
export function partsOf(label) {
  const [, what, side] = /^(.*?),? (left|right)$/i.exec(label) ?? [null, label, ""];
  return { what: inWords(what), side: side.toLowerCase() };
}

/** Group series into charts: left and right of the same thing are in one. */
export function grouped(series) {
  const groups = new Map();
  for (const one of series) {
    const { what, side } = partsOf(one.label);
    const key = `${what} ${one.unit ?? ""}`;
    if (!groups.has(key)) groups.set(key, { title: what, unit: one.unit ?? "", series: [] });
    groups.get(key).series.push({ ...one, side: side || "middle" });
  }
  return [...groups.values()];
}

/** Make the charts of one person. */
export function chartsOf(measure, person, { range, onSeek }) {
  const series = measure.series.filter((one) => isOf(one, person) && one.value.some((value) => value !== null));
  return grouped(series).map(({ title, unit, series: lines }) => new Chart({
    title, unit, range, onSeek,
    lines: lines.map((one) => ({ side: one.side, name: one.side === "middle" ? "" : one.side, x: one.time_s, y: one.value })),
  }));
}

const isOf = (thing, person) => person === null || thing.person === null || thing.person === undefined || thing.person === person;

/** Who is in a measure, the one with the most rows first. */
export function peopleOf(measure) {
  const counts = new Map();
  const at = measure.columns.indexOf("track_id");
  for (const person of at < 0 ? [] : measure.rows.map((row) => row[at])) counts.set(person, (counts.get(person) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([person]) => person);
}

/** The rows of a summary in which anything was measured; the summary has a column `measured`, a share. */
export function measuredOnly({ columns, rows }) {
  const isValue = (name) => name !== "track_id" && name !== "measured";
  const kept = rows.filter((row) => row.some((value, i) => isValue(columns[i]) && typeof value === "number"));
  return { columns, rows: kept };
}

/** Of one person, where the rows say of whom they are. */
export function ofPerson({ columns, rows }, person) {
  const at = columns.indexOf("track_id");
  return { columns, rows: at < 0 || person === null ? rows : rows.filter((row) => row[at] === person) };
}

/** A table with a heading for each column; columns in which nothing was measured are left out. */
export function tableOf({ columns, rows }, caption, { most = MOST_ROWS } = {}) {
  const kept = columns.map((_, i) => i).filter((i) => rows.some((row) => row[i] !== null && row[i] !== ""));
  const isWords = (i) => rows.some((row) => typeof row[i] === "string");
  const head = make("tr", {}, kept.map((i) => make("th", { scope: "col", class: isWords(i) && "words" }, heading(columns[i]))));
  const body = rows.slice(0, most).map((row) => make("tr", {}, kept.map((i) => make("td", { class: isWords(i) && "words" }, columns[i] === "track_id" && row[i] < 0 ? "–" : cell(columns[i], row[i])))));
  const more = rows.length > most ? `${caption}: the first ${most} of ${plural(rows.length, "row")}; the file has all` : caption;
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {}, make("caption", {}, more), make("thead", {}, head), make("tbody", {}, body)));
}

/** A measure's table as a file of text. */
export function csvOf({ columns, rows }) {
  const quoted = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

export function notesOf(notes) {
  return notes.length ? make("div", {}, make("h3", { class: "notes-title" }, "What to know about these numbers"), make("ul", { class: "notes" }, notes.map((note) => make("li", {}, sentence(note))))) : null;
}

