// Submit a job from the form and follow it until it ends.

import { json } from "./server.js";

const WAIT_SECONDS = 10; // the server responds as soon as the job ends
const TEXTS = { waiting: "is waiting", running: "is running", done: "is done", error: "failed" };

// Yield each state of the submitted job until it ends.
export async function* submit(query, signal) {
  const { job_id: id } = await json("/ask", { method: "POST", body: query, signal });
  let job = await details(id, signal);
  yield job;
  while (job.state === "waiting" || job.state === "running") {
    await json(`/api/get_results/${id}?wait=${job.state === "waiting" ? 1 : WAIT_SECONDS}`, { signal });
    job = await details(id, signal);
    yield job;
  }
}

async function details(id, signal) {
  const { data } = await json(`/api/jobs/${id}`, { signal });
  return { id, state: data.state, reason: data.reason, text: `${id} ${TEXTS[data.state]}` };
}
