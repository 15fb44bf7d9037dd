// My answers: what this browser has asked, newest first.

import { keptList } from "./kept.js";
import { root } from "./server.js";

const MOST = 30;
const KEY = `answers of ${root}/`; // servers under other prefixes share the storage
const panel = document.getElementById("mine");
const answers = keptList("localStorage", KEY, isAnswer, MOST);
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

// Addresses of this page only: a link from the storage leads nowhere else.
function isAnswer(item) {
  const { title, address, at } = item ?? {};
  const isMoment = typeof at === "number" && !Number.isNaN(new Date(at).getTime());
  return typeof title === "string" && isMoment && String(address).startsWith(`${root}/?`);
}

export function remember(title, address) {
  const others = answers.read().filter((item) => item.address !== address);
  answers.write([{ title, address, at: Date.now() }, ...others]);
  list();
}

export function list() {
  const items = answers.read();
  panel.hidden = !items.length;
  panel.querySelector("summary").textContent = `My answers (${items.length})`;
  panel.querySelector("ol").replaceChildren(...items.map(entry));
}

function entry({ title, address, at }) {
  const link = Object.assign(document.createElement("a"), { href: address, textContent: title });
  const time = Object.assign(document.createElement("time"), { dateTime: new Date(at).toISOString() });
  time.textContent = moment.format(at);
  const item = document.createElement("li");
  item.append(link, " ", time);
  return item;
}

panel.querySelector("button").addEventListener("click", () => {
  answers.write([]);
  list();
  document.getElementById("main").focus();
});
addEventListener("storage", ({ key }) => key === KEY && list()); // another tab has asked, or removed all
