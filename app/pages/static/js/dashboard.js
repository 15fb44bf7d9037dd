// The dashboard: submit the form without leaving the page. The address always holds the whole query.

import { enable, load } from "./answer.js";
import { address, correct, fill, form, query, start } from "./form.js";
import { states, submit } from "./job.js";
import { list, remember } from "./mine.js";
import { clear, showMistake } from "./mistakes.js";
import { showPinned } from "./pin.js";
import { root } from "./server.js";
import { question, shown, view } from "./view.js";

const progress = document.getElementById("progress");
const problem = document.getElementById("problem");
const answer = document.getElementById("answer");
const button = form.querySelector("button.main");
const first = { title: document.title, content: [...answer.childNodes] };
const ids = new Map(); // by address: the job that answered it, for the browser's back button
const refused = problem.hidden ? null : location.href; // an address that the form cannot hold
let pending = null; // aborts the running query
let answered = ""; // the question that the answer on the page is to

// Show the answer to the question of the form, or to the job that the page waits for.
async function run(waited) {
  pending?.abort();
  const mine = pending = new AbortController();
  clear();
  say("Sending…");
  for (const part of answer.querySelectorAll(".start")) part.remove();
  answer.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true");
  try {
    await follow(address(), mine.signal, waited);
  } catch (error) {
    if (error.name !== "AbortError") await fail(error, mine.signal);
  } finally {
    if (pending === mine) {
      button.removeAttribute("aria-disabled");
      answer.removeAttribute("aria-busy");
    }
  }
}

async function follow(where, signal, waited) {
  let id = ids.get(where);
  if (!id) {
    id = waited ?? await submit(query(), signal);
    for await (const job of states(id, signal)) {
      say(`${job.text}.`);
      if (job.state === "error") throw new Error(job.reason);
    }
    ids.set(where, id);
  }
  answer.replaceChildren(await load(id, shown("kind"), signal));
  answered = where;
  display();
  const heading = answer.querySelector("h2");
  sayUnseen(`${heading.textContent}: the answer is shown.`);
  bringIntoView(heading);
  document.title = `${heading.textContent} · Health statistics`;
  if (!waited) remember(heading.textContent, where); // else somebody else may have asked it
}

// Make the answer on the page interactive. What is pinned comes first, as it takes room from the chart.
function display() {
  const article = answer.querySelector("article");
  showPinned(article);
  if (article) enable(article, view);
}

// In a narrow window the answer stands below the form; in a low one its head may have been scrolled away.
function bringIntoView(part) {
  const { top } = part.getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.7) part.scrollIntoView();
}

function say(text) {
  progress.classList.remove("unseen");
  if (progress.textContent !== text) progress.textContent = text; // or screen readers repeat it
  problem.hidden = true;
}

// For screen readers alone: others see it.
function sayUnseen(text) {
  say(text);
  progress.classList.add("unseen");
}

async function fail({ message, field }, signal) {
  progress.textContent = "";
  answer.replaceChildren();
  document.title = first.title;
  if (field && await showMistake(address(), problem, signal).catch(() => false)) return;
  problem.textContent = message;
  problem.hidden = false;
  bringIntoView(problem);
}

function restart() {
  pending?.abort();
  clear();
  say("");
  document.title = first.title;
  answer.replaceChildren(...first.content);
  display();
}

function showPage() {
  answered = address();
  try {
    display();
  } catch (error) {
    fail(error);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.name === "correct") correct(new URLSearchParams(event.submitter.value));
  ids.delete(address());
  if (refused || address() !== question()) history.pushState(null, "", address());
  run();
});

// The answer stays while the form changes, so that one can look at it; it must not be taken for that to the new question.
form.addEventListener("input", () => {
  if (answer.ariaBusy === "true" || !answer.querySelector("article, .start")) return;
  say(address() === answered ? "" : "The answer shown is to the question before your changes.");
});

addEventListener("popstate", () => {
  if (location.href === refused) return location.reload();
  fill(new URLSearchParams(location.search));
  if (new URLSearchParams(location.search).has("statistic")) run();
  else restart();
});

start();
list();
fetch(`${root}/static/charts.js`, { method: "HEAD" }); // makes the server build the script, which takes seconds
form.querySelector("[aria-invalid=true]")?.focus(); // the fields have moved since the browser focused it
if (progress.dataset.job) run(progress.dataset.job);
else if (!refused && new URLSearchParams(location.search).has("statistic")) run();
else showPage();
