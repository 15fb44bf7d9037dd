// Keep parts of a page as the server has them: taken anew now and then, only what differs is replaced.

import { html } from "./server.js";

const PAUSE_MS = 1500;

export function keep(told) {
  const again = async () => {
    if (!document.hidden) await renew().then(() => told(null), (error) => told(error));
    setTimeout(again, PAUSE_MS);
  };
  setTimeout(again, PAUSE_MS);
}

export async function renew() {
  const page = await html(location.href);
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${old.dataset.live}"]`);
    if (fresh && old.tagName === "TBODY") rows(old, fresh);
    else if (fresh) replace(old, fresh);
  }
}

// Rows are told apart by their ids, so that the focus stays on a button whose row has not changed.
function rows(old, fresh) {
  const known = new Map([...old.rows].map((row) => [row.id, row]));
  const placed = [...fresh.rows].map((row) => {
    const kept = known.get(row.id);
    if (!kept || !row.id || kept.cells.length !== row.cells.length) return row;
    for (const [at, cell] of [...kept.cells].entries()) replace(cell, row.cells[at]);
    return kept;
  });
  const same = placed.length === old.rows.length && placed.every((row, at) => row === old.rows[at]);
  if (same) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceChildren(...placed);
  if (focused?.isConnected) focused.focus({ preventScroll: true });
}

function replace(old, fresh) {
  if (old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
}
