// Pin: keep an answer beside those that follow it, in this tab, until it is unpinned.

import { enable, load } from "./answer.js";
import { drawAll } from "./chart.js";
import { keptList } from "./kept.js";
import { root } from "./server.js";
import { view } from "./view.js";

const NOTE = "Pinned. The next answer will stand beside it.";
const pins = keptList("sessionStorage", `pin of ${root}/`, isPin, 1);
const beside = document.getElementById("pinned");
const progress = document.getElementById("progress");
let current = null; // the article that the pinned one stands beside

function isPin(item) {
  const { job, address, view } = item ?? {};
  return /^job_id_\d+$/.test(job) && String(address).startsWith(`${root}/?`) && typeof view === "object" && view !== null;
}

// Let an article be pinned, and show what was pinned before beside it; no article leaves the page to itself.
export function showPinned(article) {
  current = article;
  const button = article?.querySelector(".pin");
  if (button) {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(pins.read()[0]?.job === article.dataset.job));
    button.onclick = () => toggle(article, button);
  }
  update();
}

function toggle({ dataset }, button) {
  const isPinned = button.getAttribute("aria-pressed") === "true";
  pins.write(isPinned ? [] : [{ job: dataset.job, address: dataset.address, view: view.all() }]);
  button.setAttribute("aria-pressed", String(!isPinned));
  progress.classList.remove("unseen");
  progress.textContent = isPinned ? "" : NOTE;
  if (update()) drawAll();
}

function unpin() {
  pins.write([]);
  if (update()) drawAll();
  document.getElementById("main").focus();
}

// Show the pinned answer if it is another than the current one. Return whether the room of the current one has changed.
function update() {
  const wasHidden = beside.hidden;
  const [pin] = pins.read();
  beside.hidden = !pin || !current || pin.job === current.dataset.job;
  if (beside.hidden) beside.replaceChildren();
  else if (beside.dataset.job !== pin.job || !beside.firstChild) fill(pin);
  return beside.hidden !== wasHidden;
}

async function fill(pin) {
  beside.dataset.job = pin.job;
  beside.replaceChildren();
  const article = await load(pin.job, pin.view.kind ?? "").catch((error) => gone(pin, error));
  if (beside.dataset.job !== pin.job || beside.hidden) return; // unpinned meanwhile
  setApart(article);
  beside.replaceChildren(article);
  const button = article.querySelector(".pin");
  Object.assign(button, { hidden: false, textContent: "Unpin", onclick: unpin });
  if (article.dataset.address) enable(article, viewOf(pin));
}

// Two parts of a page have neither the same id nor the same name.
function setApart(article) {
  article.querySelector("#chart")?.removeAttribute("id");
  for (const part of article.querySelectorAll("[aria-label]")) part.ariaLabel += " (pinned)";
}

// How the pinned answer is shown is kept with the pin, as the address is that of the current answer.
function viewOf(pin) {
  return {
    shown: (name) => String(pin.view[name] ?? ""),
    keep: (name, text) => {
      pin.view[name] = text;
      pins.write([pin]);
    },
  };
}

// Stand in for an answer that cannot be shown, because the server has removed it, for example.
function gone({ address }, error) {
  const article = document.createElement("article");
  const note = Object.assign(document.createElement("p"), { className: "hint", textContent: `The pinned answer: ${error.message} ` });
  const link = Object.assign(document.createElement("a"), { href: address, textContent: "Ask it again" });
  note.append(link, " ", Object.assign(document.createElement("button"), { type: "button", className: "pin" }));
  article.append(note);
  return article;
}
