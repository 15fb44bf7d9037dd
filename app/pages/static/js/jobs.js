// The jobs page: refresh the list; cancel and remove jobs without leaving the page.

import { refresh, refreshRegularly } from "./live.js";
import { asOperator } from "./operator.js";

const live = document.getElementById("live");
const problem = document.getElementById("problem");

document.addEventListener("submit", async (event) => {
  const job = event.submitter?.dataset.job;
  if (!job) return;
  event.preventDefault();
  const next = event.target.closest("tr").nextElementSibling?.querySelector("a, button");
  try {
    const { data } = await asOperator(`/api/jobs/${job}`, { method: "DELETE" });
    await refresh();
    live.textContent = `${job} is ${data[job]}.`;
    problem.hidden = true;
    if (document.activeElement === document.body) next?.focus();
  } catch (error) {
    report(error);
  }
});

function report(error) {
  problem.textContent = error?.message ?? "";
  problem.hidden = !error;
}

refreshRegularly((error) => error && report(error));
