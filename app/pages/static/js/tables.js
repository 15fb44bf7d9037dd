// The page of the table's versions: remove one without leaving the page.

import { refresh } from "./live.js";
import { asOperator } from "./operator.js";

const live = document.getElementById("live");
const problem = document.getElementById("problem");

document.addEventListener("submit", async (event) => {
  const table = event.submitter?.dataset.table;
  if (!table) return;
  event.preventDefault();
  try {
    await asOperator(`/api/tables/${table}`, { method: "DELETE" });
    await refresh();
    live.textContent = `Version ${table.slice(0, 12)} is removed.`;
    problem.hidden = true;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
});
