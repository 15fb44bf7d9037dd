// The jobs page: refresh the list; cancel and remove jobs without leaving the page.

import { refresh, refreshRegularly } from "./live.js";
import { json, useToken } from "./server.js";

const live = document.getElementById("live");
const problem = document.getElementById("problem");
const dialog = document.getElementById("token");

document.addEventListener("submit", async (event) => {
  const job = event.submitter?.dataset.job;
  if (!job) return;
  event.preventDefault();
  const next = event.target.closest("tr").nextElementSibling?.querySelector("a, button");
  try {
    const { data } = await remove(job);
    await refresh();
    live.textContent = `${job} is ${data[job]}.`;
    problem.hidden = true;
    if (document.activeElement === document.body) next?.focus();
  } catch (error) {
    report(error);
  }
});

async function remove(job) {
  try {
    return await json(`/api/jobs/${job}`, { method: "DELETE" });
  } catch (error) {
    if (error.status !== 401 || !(await askForToken())) throw error;
    return json(`/api/jobs/${job}`, { method: "DELETE" });
  }
}

function askForToken() {
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const field = document.getElementById("token-text");
      if (dialog.returnValue) useToken(field.value);
      field.value = "";
      resolve(Boolean(dialog.returnValue));
    }, { once: true });
    dialog.showModal();
  });
}

function report(error) {
  problem.textContent = error?.message ?? "";
  problem.hidden = !error;
}

refreshRegularly((error) => error && report(error));
