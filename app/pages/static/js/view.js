// How an answer is shown: kind of chart, year of a map, sort order, filter of rows and theme stand in the address beside the question.

const OF_ANSWER = ["kind", "year", "sort", "filter"]; // the theme outlives the answer

// As an answer needs it.
export const view = { shown, keep, all: () => Object.fromEntries(OF_ANSWER.map((name) => [name, shown(name)])) };

export function shown(name) {
  return new URLSearchParams(location.search).get(name) ?? "";
}

export function keep(name, value) {
  const address = new URL(location.href);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

// The address of this page without how its answer is shown.
export function question() {
  const asked = new URLSearchParams(location.search);
  for (const name of OF_ANSWER) asked.delete(name);
  return `${location.pathname}?${asked}`;
}
