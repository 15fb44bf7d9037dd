// The result of a job: fetch its part of the page, draw the chart, and make the table sortable.

import { enableCopying } from "./bar.js";
import { draw } from "./chart.js";
import { html } from "./server.js";
import { filterable, sortable } from "./table.js";

// Fetch the article of a result, with the kind of chart if one is named.
export async function load(id, kind, signal) {
  const part = await html(`/results/${id}?part=answer${kind && `&kind=${encodeURIComponent(kind)}`}`, { signal });
  return part.querySelector("article");
}

// Make an article on the page interactive. `shown` and `keep` read and write how it is shown, such as its sort order.
export function enable(article, { shown, keep }) {
  const chart = article.querySelector(".chart");
  if (chart) draw(chart, { shown, keep });
  for (const link of article.querySelectorAll("[data-kind][href]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      chooseKind(article, link, chart);
      keep("kind", link.dataset.kind);
      keep("year", ""); // a map gets back the one that was chosen on it
    });
  }
  enableCopying(article, () => linkTo(article));
  const table = article.querySelector("table.sortable");
  filterable(table, shown("filter"), (text) => keep("filter", text));
  sortable(table, shown("sort"), (order) => keep("sort", order)); // last: an unknown order is an error
}

// The address of the page is the question, and holds how the answer is shown too; that of a job's page is not.
function linkTo(article) {
  const question = new URL(article.dataset.address, location.href);
  const isPages = location.pathname === question.pathname && !article.closest("#pinned");
  return isPages ? location.href : question.href;
}

function chooseKind(article, chosen, chart) {
  for (const link of chosen.parentElement.children) link.removeAttribute("aria-current");
  chosen.setAttribute("aria-current", "true");
  chart.dataset.kind = chosen.dataset.kind;
  for (const link of article.querySelectorAll("a[href*='kind=']:not([data-kind])")) {
    link.href = link.href.replace(/kind=\w+/, `kind=${chart.dataset.kind}`); // downloaded pictures show the same kind
  }
  draw(chart);
}
