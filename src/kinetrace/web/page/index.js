// The page Analyse: a list of recordings with a form above it, or one recording.

import { ask, attempt, byId, make, toast } from "./shell.js";
import { JobsList } from "./jobs-list.js";
import { Upload } from "./upload.js";
import { closeViewer, openViewer, wantsToStay } from "./viewer.js";

const PAGE_TITLE = document.title;
const list = new JobsList();
let info;
let shown = null;

/** Show what the address names: `#recording=ID`, or the list. */
async function route() {
  const id = new URLSearchParams(location.hash.slice(1)).get("recording");
  if (shown !== null && id !== shown && wantsToStay()) {
    history.replaceState(null, "", `#recording=${shown}`);
    return;
  }
  const isBack = shown !== null && id === null;
  shown = id;
  byId("home").hidden = id !== null;
  byId("viewer").hidden = id === null;
  if (id === null) {
    closeViewer();
    byId("viewer").replaceChildren();
    document.title = PAGE_TITLE;
    await list.refresh();
    if (isBack) byId("home-title").focus();
    return;
  }
  await showRecording(id);
}

async function showRecording(id) {
  const job = await attempt(() => ask(`/api/jobs/${encodeURIComponent(id)}`));
  if (!job || job.state !== "done") {
    if (job) toast(`${job.name} is not done yet. Wait for it in the list.`);
    location.hash = "";
    return;
  }
  document.title = `${job.name} – Kinetrace`;
  window.scrollTo(0, 0);
  await openViewer(byId("viewer"), job, info);
}

async function start() {
  info = await attempt(() => ask("/api/info"));
  if (!info) {
    byId("main").append(make("p", { class: "message bad" }, "Kinetrace does not answer. Start `kinetrace serve` and reload this page."));
    return;
  }
  new Upload(info, { onSent: () => list.refresh() });
  window.addEventListener("hashchange", route);
  await route();
  byId("how").open = list.jobs.length === 0;
}

start();
