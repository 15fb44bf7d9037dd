// Submit a job from the form and follow it until it ends.

import { json, root } from "./server.js";

const WAIT_SECONDS = 10; // the server responds as soon as the job ends
const TEXTS = { waiting: "Waiting for its turn", running: "Being computed", done: "Done", error: "Failed" };

export async function submit(query, signal) {
  const { job_id: id } = await json("/ask", { method: "POST", body: query, signal });
  return id;
}

// Yield each state of a job until it ends.
export async function* states(id, signal) {
  let job = await details(id, signal);
  yield job;
  if (isUnfinished(job)) {
    for await (const state of changes(id, signal)) {
      if (state === job.state) continue;
      job = await details(id, signal);
      yield job;
    }
  }
  // The server has no room for a listener, or the connection broke: ask for the state instead.
  while (isUnfinished(job)) {
    await json(`/api/get_results/${id}?wait=${job.state === "waiting" ? 1 : WAIT_SECONDS}`, { signal });
    job = await details(id, signal);
    yield job;
  }
}

function isUnfinished({ state }) {
  return state === "waiting" || state === "running";
}

// Yield the states of a job as the server sends them, until the job or the connection ends.
async function* changes(id, signal) {
  const source = new EventSource(`${root}/api/events?jobs=${id}`);
  const arrived = [];
  let wake = () => undefined;
  const put = (state) => {
    arrived.push(state);
    wake();
  };
  source.addEventListener("job", ({ data }) => put(JSON.parse(data).state));
  source.addEventListener("error", () => put(null));
  signal.addEventListener("abort", () => put(null));
  try {
    for (;;) {
      if (!arrived.length) await new Promise((resolve) => { wake = resolve; });
      const state = arrived.shift();
      if (!state) return;
      yield state;
    }
  } finally {
    source.close();
  }
}

async function details(id, signal) {
  const { data } = await json(`/api/jobs/${id}`, { signal });
  return { id, state: data.state, reason: data.reason, text: TEXTS[data.state] };
}
