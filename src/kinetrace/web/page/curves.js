// The curves of two recordings over each other, and how far they are apart.

import { make, number } from "./shell.js";
import { Chart, valueAt } from "./chart.js";
import { measuredOnly, ofPerson, partsOf, tableOf } from "./measures.js";

/**
 * Pair the curves of A and B that are of the same thing.
 *
 * Both are counted from the moment at which the films are lined up.
 */
export function paired([a, b], [personA, personB], [zeroA, zeroB]) {
  const own = (measure, person) => measure.series.filter((one) => one.person === person && one.value.some((value) => value !== null));
  const shifted = ({ time_s, value }, zero) => ({ x: time_s.map((time) => time - zero), y: value });
  const second = new Map(own(b, personB).map((one) => [one.label, one]));
  return own(a, personA).filter(({ label }) => second.has(label)).map((one) => {
    const { what, side } = partsOf(one.label);
    return { title: side ? `${what}, ${side}` : what, unit: one.unit, a: shifted(one, zeroA), b: shifted(second.get(one.label), zeroB) };
  });
}

/** Make a chart of each pair. */
export function chartsOfPairs(pairs, { range, onSeek }) {
  return pairs.map(({ title, unit, a, b }) => new Chart({
    title, unit, range, onSeek,
    lines: [{ side: "first", name: "A", ...a }, { side: "middle", isSecond: true, name: "B", ...b }],
  }));
}

/** A table of how far B is from A, where both were measured. */
export function differencesOf(pairs) {
  const rows = pairs.map(({ title, unit, a, b }) => {
    const apart = a.x.map((time, i) => [a.y[i], valueAt(b, time)]).filter(([first, then]) => first !== null && then !== null && then !== undefined).map(([first, then]) => then - first);
    const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
    const rangeOf = ({ y }) => {
      const known = y.filter((value) => value !== null);
      return Math.max(...known) - Math.min(...known);
    };
    return [title, unit, ...[rangeOf(a), rangeOf(b), mean(apart), mean(apart.map(Math.abs))].map((value) => number(value, 1))];
  });
  const columns = ["what", "unit", "range in A", "range in B", "B minus A, mean", "apart, mean"];
  return tableOf({ columns, rows }, "How far apart they are, as they are lined up now");
}

/** The summaries of both, one beside the other. */
export function summariesOf(measures, people) {
  const parts = measures.map(({ summary }, i) => {
    const own = summary && measuredOnly(ofPerson(summary, people[i] ?? null));
    return own?.rows.length ? tableOf(own, `In short: ${"AB"[i]}`) : null;
  });
  return parts.some(Boolean) ? make("div", { class: "halves controls" }, parts.filter(Boolean)) : null;
}
