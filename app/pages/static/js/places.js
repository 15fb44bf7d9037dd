// The places on a map lead to their pages: by a click, or by the keyboard as one stop whose arrow keys visit them all.

import { root } from "./server.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

// Vega keeps the item that an element shows in its __data__, and the row in the item's datum.
const placeOf = (mark) => mark.__data__?.datum?.place;

export function linkPlaces(element) {
  const marks = new Map(); // a small state has a shape and a square: the square is easier to hit, and comes later
  for (const mark of element.querySelectorAll("svg path[aria-label]")) if (placeOf(mark)) marks.set(placeOf(mark), mark);
  const order = [...marks].sort().map(([, mark]) => mark);
  for (const mark of order) prepare(mark, order);
  order[0]?.setAttribute("tabindex", "0");
  element.onclick = (event) => placeOf(event.target) && open(event.target);
}

function open(mark) {
  location.assign(`${root}/places/${encodeURIComponent(placeOf(mark))}`);
}

function prepare(mark, order) {
  mark.classList.add("place");
  mark.setAttribute("role", "link");
  mark.setAttribute("tabindex", "-1");
  mark.onfocus = () => point(mark, "pointermove");
  mark.onblur = () => point(mark, "pointerout");
  mark.onkeydown = (event) => {
    if (event.key === "Enter") open(mark);
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const next = order.at((order.indexOf(mark) + step) % order.length);
    mark.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  };
}

// Show or hide the tooltip, as the pointer would.
function point(mark, type) {
  const { x, y, width, height } = mark.getBoundingClientRect();
  mark.dispatchEvent(new PointerEvent(type, { bubbles: true, clientX: x + width / 2, clientY: y + height / 2 }));
}
