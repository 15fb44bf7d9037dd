// Draw the chart, from the same specification as the pictures, in the page's color theme.

import { linkPlaces } from "./places.js";
import { json } from "./server.js";
import { shown } from "./view.js";
import { addYears, removeYears } from "./years.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const { theme } = document.documentElement.dataset; // empty: as the browser prefers
let script = null;
let current = null;
let view = null;

dark.addEventListener("change", () => !theme && current?.isConnected && draw(current));

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

export async function draw(element) {
  current = element;
  const { spec, kind, script } = element.dataset;
  const address = new URL(spec, location.href);
  if (kind) address.searchParams.set("kind", kind);
  address.searchParams.set("titles", "no"); // the page says what they say
  address.searchParams.set("theme", theme || (dark.matches ? "dark" : "light"));
  element.setAttribute("aria-busy", "true");
  try {
    const [specification] = await Promise.all([json(address.pathname + address.search), library(script)]);
    if (current !== element || element.dataset.kind !== kind) return; // the user has moved on meanwhile
    view?.finalize();
    element.replaceChildren();
    removeYears(element);
    const { aspect, years } = specification.usermeta ?? {};
    if (shown("year") && !years) throw new Error("This chart has no single years to choose from; leave “year” out of the address.");
    if (aspect) specification.height = Math.round(element.clientWidth * aspect);
    view = (await window.drawChart(element, specification)).view;
    if (years) await addYears(element, view, years, () => linkPlaces(element));
    else linkPlaces(element);
  } catch (error) {
    element.textContent = error.message;
  } finally {
    element.setAttribute("aria-busy", "false");
  }
}
