// A slider for the years of a map, with a button that steps to the next one. The chosen year is kept as the chart keeps it.

export function removeYears(element) {
  yearOfPictures(element, "");
  element.parentElement.querySelector(".years")?.remove();
}

// Downloaded pictures show the same year; without one, the last.
export function yearOfPictures(element, year) {
  for (const link of element.closest("article")?.querySelectorAll(".bar a[href*='kind=']") ?? []) {
    const address = new URL(link.href);
    if (year) address.searchParams.set("year", year);
    else address.searchParams.delete("year");
    link.href = address.href;
  }
}

// Put the slider above the chart, at the year that was chosen before or that is asked for, otherwise at the last one.
export async function addYears(element, view, years, { shown, keep }, changed) {
  const controls = Object.assign(document.createElement("div"), { className: "years" });
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: years.length - 1 });
  const current = Object.assign(document.createElement("output"), {});
  const next = Object.assign(document.createElement("button"), { type: "button", textContent: "Next year" });
  slider.setAttribute("aria-label", "Year of the map");
  controls.append(slider, current, next);

  async function show(place) {
    const year = years[place];
    slider.value = place;
    slider.setAttribute("aria-valuetext", year);
    current.textContent = year;
    await view.signal("year", year).runAsync();
    changed();
  }

  function choose(place) {
    keep("year", element.dataset.chosenYear = years[place]);
    yearOfPictures(element, years[place]);
    return show(place);
  }

  slider.addEventListener("input", () => choose(Number(slider.value)));
  next.addEventListener("click", () => choose((Number(slider.value) + 1) % years.length));
  const asked = shown("year") || element.dataset.chosenYear;
  const at = years.findIndex((year) => String(year) === asked);
  if (asked && at < 0) throw new Error(`This map has no year “${asked}”; its years are ${years.join(", ")}.`);
  element.parentElement.querySelector(".years")?.remove();
  element.before(controls);
  await (asked ? choose(at) : show(years.length - 1));
}
