// The jobs page: refresh the list; cancel jobs, and remove them after asking, without leaving the page.

import { confirmed } from "./confirm.js";
import { refresh, refreshOn, report } from "./live.js";
import { asOperator } from "./operator.js";

const live = document.getElementById("live");

document.addEventListener("submit", async (event) => {
  const job = event.submitter?.dataset.job;
  if (!job) return;
  event.preventDefault();
  const isRemoval = event.submitter.textContent === "Remove";
  if (isRemoval && !(await confirmed(`${job} and its result will be gone, and links to it will not work.`))) return;
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
