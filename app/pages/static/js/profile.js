// The page of a place while figures are being computed: show them when all are there.

import { refresh, report } from "./live.js";

const PAUSE_MS = 1000; // the server holds each request for some seconds too
const PASSING = [0, 502, 503, 504]; // the server is gone, restarts or is full

async function show() {
  while (document.getElementById("missing")) {
    await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    const error = await refresh().then(() => null, (caught) => caught);
    report(error);
    if (error && !PASSING.includes(error.status)) return;
  }
  document.getElementById("live").textContent = "All figures are shown.";
}

show();
