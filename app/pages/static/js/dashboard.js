// The dashboard: the form is sent without leaving the page, whose address always holds the whole query.

import { bring, show } from "./answer.js";
import { address, fill, form, query, start } from "./form.js";
import { submitted } from "./job.js";
import { root } from "./server.js";

const progress = document.getElementById("progress");
const problem = document.getElementById("problem");
const answer = document.getElementById("answer");
const button = form.querySelector("button.main");
const first = { title: document.title, content: [...answer.childNodes] };
const ids = new Map(); // the jobs that have answered an address, for going back to it
let asking = null;

async function ask() {
  asking?.abort();
  const mine = asking = new AbortController();
  tell("Sending…");
  answer.querySelector(".start")?.remove();
  answer.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true");
  try {
    await follow(location.pathname + location.search, mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") refuse(error.message);
  } finally {
    if (asking === mine) {
      button.removeAttribute("aria-disabled");
      answer.removeAttribute("aria-busy");
    }
  }
}

async function follow(where, signal) {
  let id = ids.get(where);
  if (!id) {
    for await (const job of submitted(query(), signal)) {
      tell(`${job.words}.`);
      if (job.state === "error") throw new Error(job.reason);
      id = job.id;
    }
    ids.set(where, id);
  }
  await show(id, signal);
  tell(`${id} is done.`);
  if (progress.getBoundingClientRect().top > innerHeight * 0.7) progress.scrollIntoView(); // in a narrow window
  document.title = `${form.elements.statistic.value} · Health statistics`;
}

function tell(words) {
  if (progress.textContent !== words) progress.textContent = words; // or a screen reader would say it again
  problem.hidden = true;
}

function refuse(reason) {
  progress.textContent = "";
  problem.textContent = reason;
  problem.hidden = false;
  answer.replaceChildren();
}

function restart() {
  asking?.abort();
  tell("");
  document.title = first.title;
  answer.replaceChildren(...first.content);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ids.delete(address());
  if (address() !== location.pathname + location.search) history.pushState(null, "", address());
  ask();
});

addEventListener("popstate", () => {
  fill(new URLSearchParams(location.search));
  if (new URLSearchParams(location.search).has("statistic")) ask();
  else restart();
});

start();
fetch(`${root}/static/charts.js`, { method: "HEAD" }); // the server makes it when it is first asked for, which takes a while
if (new URLSearchParams(location.search).has("statistic")) ask();
else bring();
