// Refresh the live parts of a page when the server has news, replacing only what has changed.

import { html, root } from "./server.js";

const SOONEST_MS = 300; // news so close together are shown together
const LATEST_MS = 10_000; // ages and durations grow without news
const RETRY_MS = 1500;
const problem = document.getElementById("problem");

// Refresh at these events. While the server has no room for a listener, or is gone, refresh regularly instead.
export function refreshOn(...names) {
  const schedule = scheduler();
  let source = null;
  const listen = () => {
    source?.close();
    if (document.hidden) return; // a browser has few connections to one server, for all its tabs
    source = new EventSource(`${root}/api/events`);
    for (const name of names) source.addEventListener(name, () => schedule(SOONEST_MS));
    source.addEventListener("error", () => {
      source.close();
      schedule(0);
      setTimeout(listen, RETRY_MS);
    });
  };
  document.addEventListener("visibilitychange", listen);
  listen();
}

// Return a function that refreshes the page after so many milliseconds, unless it will be refreshed earlier anyway.
function scheduler() {
  let due = Infinity;
  let timer = 0;
  let gone = false;
  const run = async () => {
    due = Infinity;
    if (!document.hidden) {
      const error = await refresh().then(() => null, (caught) => caught);
      if (error || gone) report(error);
      gone = Boolean(error);
    }
    schedule(LATEST_MS);
  };
  const schedule = (pause) => {
    const at = Date.now() + pause;
    if (at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(run, pause);
  };
  schedule(LATEST_MS);
  return schedule;
}

// Show an error above the list; null hides the last one.
export function report(error) {
  problem.textContent = error?.message ?? "";
  problem.hidden = !error;
}

export async function refresh() {
  const page = await html(location.href);
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${old.dataset.live}"]`);
    if (fresh && old.tagName === "TBODY") rows(old, fresh);
    else if (fresh) replace(old, fresh);
  }
}

// Rows are matched by their ids, so that a focused button keeps the focus while its row stays.
function rows(old, fresh) {
  const known = new Map([...old.rows].map((row) => [row.id, row]));
  const merged = [...fresh.rows].map((row) => {
    const kept = known.get(row.id);
    if (!kept || !row.id || kept.cells.length !== row.cells.length) return row;
    for (const [at, cell] of [...kept.cells].entries()) replace(cell, row.cells[at]);
    return kept;
  });
  const same = merged.length === old.rows.length && merged.every((row, at) => row === old.rows[at]);
  if (same) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceChildren(...merged);
  if (focused?.isConnected) focused.focus({ preventScroll: true });
}

function replace(old, fresh) {
  if (old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
}
