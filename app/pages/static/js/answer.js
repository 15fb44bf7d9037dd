// The answer of a job: its part of the page, taken from the server, with the chart drawn and the table sortable.

import { draw } from "./chart.js";
import { html } from "./server.js";
import { sortable } from "./table.js";

const place = document.getElementById("answer");

export async function show(id, signal) {
  const part = await html(`/results/${id}?part=answer`, { signal });
  place.replaceChildren(...part.body.children);
  bring();
}

// Make what stands on the page work: chart, kinds of chart, table, copying.
export function bring() {
  const chart = place.querySelector("#chart");
  if (chart) draw(chart);
  for (const table of place.querySelectorAll("table.sortable")) sortable(table);
  for (const link of place.querySelectorAll("[data-kind][href]")) {
    link.addEventListener("click", (event) => choose(event, chart));
  }
  for (const button of place.querySelectorAll(".copy")) copies(button);
}

function choose(event, chart) {
  event.preventDefault();
  for (const link of event.target.parentElement.children) link.removeAttribute("aria-current");
  event.target.setAttribute("aria-current", "true");
  chart.dataset.kind = event.target.dataset.kind;
  for (const link of place.querySelectorAll("a[href*='kind=']:not([data-kind])")) {
    link.href = link.href.replace(/kind=\w+/, `kind=${chart.dataset.kind}`); // a picture is of what is shown
  }
  draw(chart);
}

function copies(button) {
  if (!navigator.clipboard) return; // only where the page is served from this machine, or by TLS
  button.hidden = false;
  button.setAttribute("aria-label", `Copy ${button.dataset.copy}`);
  button.addEventListener("click", async () => {
    const text = button.closest(".code").querySelector("code").textContent;
    const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "Not allowed";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
