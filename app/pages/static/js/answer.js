// The result of a job: fetch its part of the page, draw the chart, and make the table sortable.

import { enableCopying } from "./bar.js";
import { draw } from "./chart.js";
import { html } from "./server.js";
import { filterable, sortable } from "./table.js";
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
  for (const article of root.querySelectorAll("article")) enableCopying(article, () => linkTo(article));
  for (const table of root.querySelectorAll("table.sortable")) {
    filterable(table, shown("filter"), (text) => keep("filter", text));
    sortable(table, shown("sort"), (order) => keep("sort", order)); // last: an unknown order is an error
  }
}

// The address of the page is the question, and holds how the answer is shown too; that of a job's page is not.
function linkTo({ dataset }) {
  const question = new URL(dataset.address, location.href);
  return location.pathname === question.pathname ? location.href : question.href;
}

function chooseKind(event, chart) {
  event.preventDefault();
  for (const link of event.target.parentElement.children) link.removeAttribute("aria-current");
  event.target.setAttribute("aria-current", "true");
  chart.dataset.kind = event.target.dataset.kind;
  keep("kind", chart.dataset.kind);
  for (const link of root.querySelectorAll("a[href*='kind=']:not([data-kind])")) {
    link.href = link.href.replace(/kind=\w+/, `kind=${chart.dataset.kind}`); // downloaded pictures show the same kind
  }
  draw(chart);
}
