// A job: submitted from the form, and followed until it has ended.

import { json } from "./server.js";

const WAIT_SECONDS = 10; // the server answers at once when the job has ended
const WORDS = { waiting: "waits for a runner", running: "is being computed", done: "is done", error: "has failed" };

// Submit what is asked, and yield each state of the job, with its id, until it has ended.
export async function* submitted(asked, signal) {
  const { job_id: id } = await json("/ask", { method: "POST", body: asked, signal });
  let told = await details(id, signal);
  yield told;
  while (told.state === "waiting" || told.state === "running") {
    await json(`/api/get_results/${id}?wait=${told.state === "waiting" ? 1 : WAIT_SECONDS}`, { signal });
    told = await details(id, signal);
    yield told;
  }
}

async function details(id, signal) {
  const { data } = await json(`/api/jobs/${id}`, { signal });
  return { id, state: data.state, reason: data.reason, words: `${id} ${WORDS[data.state]}` };
}
