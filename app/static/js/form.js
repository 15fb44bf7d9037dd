// The form: it shows the fields that the statistic takes, and offers what the question and the table have.

import { combobox } from "./combobox.js";

const form = document.getElementById("ask");
const fields = form.elements;
const pair = [fields.a, fields.b];
const TOLD_BY_PAIR = { location: "state", year: "years" }; // what a pair that is compared leaves no room for
const completed = new Map([...form.querySelectorAll("input[list]")].map((input) => [input, combobox(input)]));

export { form };

export function start() {
  form.addEventListener("change", refresh);
  refresh();
}

// What the form asks as it stands: what is filled in, of the fields that the statistic takes.
export function query() {
  const filled = new URLSearchParams();
  for (const [name, text] of new FormData(form)) if (text.trim()) filled.append(name, short(name, text.trim()));
  return filled;
}

// The address of the page that asks the same.
export function address() {
  return `/?${query()}`;
}

export function fill(asked) {
  form.reset();
  for (const field of fields) {
    if (!field.name || !asked.size) continue;
    const texts = asked.getAll(field.name);
    if (field.type === "checkbox") field.checked = texts.includes(field.value) || (field.name === "by" && field.value === "location" && !texts.length);
    else if (field.tagName === "SELECT" && field.name !== "statistic") field.value = texts[0] ?? field.options[0].value;
    else if (texts.length || field.name !== "statistic") field.value = questionOf(texts[0])?.value ?? texts[0] ?? "";
  }
  refresh();
}

function refresh() {
  const { takes, needs, label } = statistic();
  document.getElementById("statistic-is").textContent = label;
  const told = takes.has("between") && TOLD_BY_PAIR[fields.between.value];
  for (const part of form.querySelectorAll("[data-of]")) {
    const taken = takes.has(part.dataset.of) && part.dataset.of !== told;
    part.classList.toggle("not-taken", !taken);
    for (const field of part.querySelectorAll("input, select")) {
      field.disabled = !taken;
      field.required = taken && needs.has(part.dataset.of) && field.type !== "checkbox";
    }
  }
  offerYears();
  offerPair();
}

function statistic() {
  const { takes, needs, label } = fields.statistic.selectedOptions[0].dataset;
  return { takes: new Set(takes.split(" ")), needs: new Set(needs.split(" ")), label };
}

// The question of a text or an id, none where there is no such one.
function questionOf(text) {
  return text && [...document.getElementById("questions").options].find((option) => option.value === text || option.dataset.id === text);
}

// Questions are named by their ids in an address, as their texts are long.
function short(name, text) {
  return name.endsWith("question") ? questionOf(text)?.dataset.id || text : text;
}

function offerYears() {
  const found = questionOf(fields.question.value.trim());
  const years = found?.dataset.years.split(" ").filter(Boolean);
  for (const select of [fields.from, fields.to]) {
    for (const option of select.options) option.hidden = option.disabled = Boolean(option.value && years && !years.includes(option.value));
    if (select.selectedOptions[0]?.disabled) select.value = "";
  }
  const good = { min: "low values are good", max: "high values are good" }[found?.dataset.best];
  const span = years?.length > 1 ? `${years[0]} to ${years.at(-1)}` : years?.[0];
  document.getElementById("question-is").textContent = found ? [found.dataset.id, found.dataset.class, span, good].filter(Boolean).join(" · ") : "";
}

function offerPair() {
  const lists = { location: "places", year: questionOf(fields.question.value.trim())?.dataset.years.split(" ") ?? [], stratum: strata() };
  for (const input of pair) completed.get(input).offer(lists[fields.between.value]);
}

function strata() {
  const category = fields.stratification.value.split("|")[0];
  const options = [...fields.stratification.options].filter(({ value }) => value.includes("|") && (!category || value.startsWith(`${category}|`)));
  return options.map(({ value }) => value.slice(value.indexOf("|") + 1));
}
