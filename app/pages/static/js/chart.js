// Draw the chart, from the same specification as the pictures, in the page's color theme.

import { linkPlaces } from "./places.js";
import { json } from "./server.js";
import { view as page } from "./view.js";
import { addYears, removeYears } from "./years.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const { theme } = document.documentElement.dataset; // empty: as the browser prefers
const views = new Map(); // by the element of a chart: its view, null until it is drawn
const ways = new WeakMap(); // by the element of a chart: how it reads and writes how it is shown
let script = null;

dark.addEventListener("change", () => !theme && drawAll());

// The library is loaded with the first chart, not with the page.
function library(address) {
  script ??= new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src: address, onload: resolve });
    element.onerror = () => {
      script = null;
      reject(new Error("The chart library could not be loaded. The table below shows the same figures."));
    };
    document.head.append(element);
  });
  return script;
}

export function drawAll() {
  for (const element of views.keys()) if (element.isConnected) draw(element);
}

// Draw a chart. `way` reads and writes how it is shown, such as the year of a map: by default the address of the page.
export async function draw(element, way = ways.get(element) ?? page) {
  ways.set(element, way);
  enter(element);
  const { spec, kind, script } = element.dataset;
  const source = new URL(spec, location.href);
  if (kind) source.searchParams.set("kind", kind);
  source.searchParams.set("titles", "no"); // the page says what they say
  source.searchParams.set("theme", theme || (dark.matches ? "dark" : "light"));
  element.setAttribute("aria-busy", "true");
  try {
    const [specification] = await Promise.all([json(source.pathname + source.search), library(script)]);
    if (!element.isConnected || element.dataset.kind !== kind) return; // the user has moved on meanwhile
    views.get(element)?.finalize();
    element.replaceChildren();
    removeYears(element);
    const { aspect, years } = specification.usermeta ?? {};
    if (way.shown("year") && !years) throw new Error("This chart has no single years to choose from; leave “year” out of the address.");
    if (aspect) specification.height = Math.round(element.clientWidth * aspect);
    const { view } = await window.drawChart(element, specification);
    views.set(element, view);
    if (years) await addYears(element, view, years, way, () => linkPlaces(element));
    else linkPlaces(element);
  } catch (error) {
    element.textContent = error.message;
  } finally {
    element.dataset.drawn = ""; // what stands below may be shown
    element.setAttribute("aria-busy", "false");
  }
}

// Note a chart, and forget those that have left the page.
function enter(element) {
  for (const [other, view] of views) {
    if (other.isConnected) continue;
    view?.finalize();
    views.delete(other);
  }
  if (!views.has(element)) views.set(element, null);
}
