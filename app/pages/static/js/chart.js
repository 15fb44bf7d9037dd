// The chart: drawn from the same specification that the pictures are made from, in the colours of the page.

import { json } from "./server.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
let script = null;
let shown = null;
let view = null;

dark.addEventListener("change", () => shown?.isConnected && draw(shown));

// The library is loaded when the first chart is drawn, not with the page.
function library(address) {
  script ??= new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src: address, onload: resolve });
    element.onerror = () => {
      script = null;
      reject(new Error("The library that draws charts could not be loaded; the table holds the figures."));
    };
    document.head.append(element);
  });
  return script;
}

export async function draw(element) {
  shown = element;
  const { spec, kind, script } = element.dataset;
  const query = new URLSearchParams({ kind, theme: dark.matches ? "dark" : "light" });
  element.setAttribute("aria-busy", "true");
  try {
    const [specification] = await Promise.all([json(`${spec}?${query}`), library(script)]);
    if (shown !== element || element.dataset.kind !== kind) return;
    view?.finalize();
    element.replaceChildren();
    view = (await window.drawChart(element, specification)).view;
  } catch (error) {
    element.textContent = error.message;
  } finally {
    element.setAttribute("aria-busy", "false");
  }
}
