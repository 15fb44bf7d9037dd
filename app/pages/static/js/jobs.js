// The jobs page: refresh the list; cancel and remove jobs without leaving the page.

import { refresh, refreshOn, report } from "./live.js";
import { asOperator } from "./operator.js";

const live = document.getElementById("live");

document.addEventListener("submit", async (event) => {
  const job = event.submitter?.dataset.job;
  if (!job) return;
  event.preventDefault();
  const next = event.target.closest("tr").nextElementSibling?.querySelector("a, button");
  try {
    const { data } = await asOperator(`/api/jobs/${job}`, { method: "DELETE" });
    await refresh();
    live.textContent = `${job} is ${data[job]}.`;
    report(null);
    if (document.activeElement === document.body) next?.focus();
  } catch (error) {
    report(error);
  }
});

refreshOn("job", "queue");
