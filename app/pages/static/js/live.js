// Refresh the live parts of a page regularly, replacing only what has changed.

import { html } from "./server.js";

const PAUSE_MS = 1500;

export function refreshRegularly(report) {
  const again = async () => {
    if (!document.hidden) await refresh().then(() => report(null), report);
    setTimeout(again, PAUSE_MS);
  };
  setTimeout(again, PAUSE_MS);
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
