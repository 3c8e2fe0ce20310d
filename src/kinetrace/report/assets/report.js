"use strict";
(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const sideOf = (side, other) => (side === "left" || side === "right" ? side : other);
  // A finger that scrolls the page must not zoom into a chart.
  const drag = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  const drawn = new Set();

  const traces = (chart) =>
    chart.lines.map((line) => ({
      x: line.x,
      y: line.y,
      name: line.side || "value",
      mode: chart.joined ? "lines" : "markers",
      line: { color: colour(sideOf(line.side, "middle")), width: 2 },
      marker: { color: colour(sideOf(line.side, "middle")), size: 7 },
      hovertemplate: `%{y} ${chart.unit}`,
      connectgaps: false,
    }));

  const shapes = (chart) =>
    chart.marks.map((mark) => ({
      type: mark.end === null ? "line" : "rect",
      x0: mark.start,
      x1: mark.end === null ? mark.start : mark.end,
      y0: 0,
      y1: 1,
      yref: "paper",
      layer: "below",
      fillcolor: colour("span"),
      opacity: mark.end === null ? 0.75 : 1,
      line:
        mark.end === null
          ? { color: colour(sideOf(mark.side, "moment")), width: 1, dash: "dash" }
          : { width: 0 },
    }));

  const layout = (chart) => {
    const axis = {
      color: colour("soft"),
      gridcolor: colour("rule"),
      zerolinecolor: colour("soft"),
      zerolinewidth: 1,
    };
    return {
      margin: { l: 44, r: 8, t: 6, b: 36 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: colour("soft") },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), font: { color: colour("ink") } },
      hovermode: "x unified",
      dragmode: drag,
      showlegend: false,
      shapes: shapes(chart),
      xaxis: { ...axis, range: chart.x_range, title: { text: chart.clock, standoff: 6 }, showgrid: false, zeroline: false },
      yaxis: { ...axis, range: chart.y_range, nticks: 6 },
    };
  };

  const draw = (figure) => {
    const chart = JSON.parse(figure.querySelector("script").textContent);
    const live = figure.querySelector(".live") || document.createElement("div");
    live.className = "live";
    live.setAttribute("role", "img");
    live.setAttribute("aria-label", figure.querySelector(".still").getAttribute("aria-label"));
    figure.append(live);
    figure.classList.add("is-live");
    const config = { displayModeBar: false, responsive: true };
    Plotly.react(live, traces(chart), layout(chart), config);
    drawn.add(figure);
  };

  // Those that nobody has scrolled to are not drawn: a page may hold a hundred.
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          watcher.unobserve(entry.target);
          draw(entry.target);
        }
      }
    },
    { rootMargin: "300px" },
  );
  for (const figure of document.querySelectorAll("figure.chart")) {
    const isFolded = figure.closest("details:not([open])") !== null;
    if (!isFolded && figure.getBoundingClientRect().top < innerHeight) draw(figure);
    else watcher.observe(figure);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const figure of drawn) draw(figure);
  });
})();
