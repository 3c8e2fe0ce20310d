// The keys that move through a film, on every page with a player.

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ",": -1, ".": 1, PageUp: -10, PageDown: 10 };

export const KEYS = [
  [["←", "→"], "one frame back or on; also comma and period"],
  [["Shift", "←", "→"], "ten frames"],
  [["Home", "End"], "first or last frame"],
  [["Space"], "play or pause"],
];

/** Whether a key belongs to what has the focus and not to the film. */
function isTakenBy(element, key) {
  if (element.matches("select, textarea, input:not([type=checkbox], [type=range])")) return true;
  return [" ", "Enter"].includes(key) && element.matches("button, a, summary, input");
}

/** Move `film` by the keys while it `isOpen` and `isFilm`; `before(event)` may take one. */
export function listenForKeys(film, before = () => false) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !film.isOpen()) return;
    if (!event.target.matches("input[type=number], input[type=text], select") && before(event)) {
      event.preventDefault();
      return;
    }
    if (!film.isFilm() || event.ctrlKey || event.metaKey || event.altKey || isTakenBy(event.target, event.key)) return;
    if (act(film, event)) event.preventDefault();
  });
}

function act(film, { key, shiftKey }) {
  const step = STEPS[key];
  if (step) film.step(step * (shiftKey && Math.abs(step) === 1 ? 10 : 1));
  else if (key === "Home") film.first();
  else if (key === "End") film.last();
  else if (key === " ") film.toggle();
  else return false;
  return true;
}
