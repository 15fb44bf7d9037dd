// A slider for the years of a map, with a button that steps to the next one.

export function removeYears(element) {
  element.parentElement.querySelector(".years")?.remove();
}

// Put the slider above the chart. The chart keeps its year when it is drawn anew.
export async function addYears(element, view, years, changed) {
  const controls = Object.assign(document.createElement("div"), { className: "years" });
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: years.length - 1 });
  const current = Object.assign(document.createElement("output"), {});
  const next = Object.assign(document.createElement("button"), { type: "button", textContent: "Next year" });
  slider.setAttribute("aria-label", "Year of the map");
  controls.append(slider, current, next);
  removeYears(element);
  element.before(controls);

  async function show(place) {
    const year = years[place];
    slider.value = place;
    slider.setAttribute("aria-valuetext", year);
    current.textContent = element.dataset.year = year;
    await view.signal("year", year).runAsync();
    changed();
  }

  slider.addEventListener("input", () => show(Number(slider.value)));
  next.addEventListener("click", () => show((Number(slider.value) + 1) % years.length));
  const kept = years.findIndex((year) => String(year) === element.dataset.year);
  await show(kept < 0 ? years.length - 1 : kept);
}
