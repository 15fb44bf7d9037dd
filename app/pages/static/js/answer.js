// The result of a job: fetch its part of the page, draw the chart, and make the table sortable.

import { draw } from "./chart.js";
import { html } from "./server.js";
import { sortable } from "./table.js";
import { keep, shown } from "./view.js";

const root = document.getElementById("answer");

export async function show(id, signal) {
  const kind = shown("kind");
  const part = await html(`/results/${id}?part=answer${kind && `&kind=${encodeURIComponent(kind)}`}`, { signal });
  root.replaceChildren(...part.body.children);
  activate();
}

// Make the result on the page interactive: chart, chart kinds, table, copy buttons.
export function activate() {
  const chart = root.querySelector("#chart");
  if (chart) draw(chart);
  for (const link of root.querySelectorAll("[data-kind][href]")) {
    link.addEventListener("click", (event) => chooseKind(event, chart));
  }
  for (const button of root.querySelectorAll(".copy")) enableCopy(button);
  for (const table of root.querySelectorAll("table.sortable")) {
    sortable(table, shown("sort"), (order) => keep("sort", order)); // last: an unknown order is an error
  }
}

function chooseKind(event, chart) {
  event.preventDefault();
  for (const link of event.target.parentElement.children) link.removeAttribute("aria-current");
  event.target.setAttribute("aria-current", "true");
  chart.dataset.kind = event.target.dataset.kind;
  keep("kind", chart.dataset.kind);
  keep("year", ""); // a map gets back the one that was chosen on it
  for (const link of root.querySelectorAll("a[href*='kind=']:not([data-kind])")) {
    link.href = link.href.replace(/kind=\w+/, `kind=${chart.dataset.kind}`); // downloaded pictures show the same kind
  }
  draw(chart);
}

function enableCopy(button) {
  if (!navigator.clipboard) return; // browsers offer it only on localhost and over HTTPS
  button.hidden = false;
  button.setAttribute("aria-label", `Copy ${button.dataset.copy}`);
  button.addEventListener("click", async () => {
    const text = button.closest(".code").querySelector("code").textContent;
    const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "Not allowed";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
