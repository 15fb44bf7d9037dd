// The form: it shows the fields that the statistic takes, and offers what the question and the table have.

import { combobox } from "./combobox.js";
import { root } from "./server.js";

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
  return `${root}/?${query()}`;
}

export function fill(asked) {
  form.reset();
  if (asked.size) for (const field of fields) if (field.name) fillIn(field, asked.getAll(field.name));
  refresh();
}

function fillIn(field, texts) {
  if (field.type === "checkbox") {
    const usual = field.name === "by" && field.value === "location" && !texts.length;
    field.checked = usual || texts.includes(field.value);
  } else if (field.tagName === "SELECT") {
    field.value = texts[0] ?? field.options[0].value;
  } else {
    field.value = questionOf(texts[0])?.value ?? texts[0] ?? "";
  }
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
  tellOfQuestion();
}

function statistic() {
  const { takes, needs, label } = fields.statistic.selectedOptions[0].dataset;
  return { takes: new Set(takes.split(" ")), needs: new Set(needs.split(" ")), label };
}

// The question of a text or an id, none where there is no such one.
function questionOf(text) {
  const options = [...document.getElementById("questions").options];
  return text && options.find(({ value, dataset }) => value === text || dataset.id === text);
}

// Questions are named by their ids in an address, as their texts are long.
function short(name, text) {
  return name.endsWith("question") ? questionOf(text)?.dataset.id || text : text;
}

function years() {
  return questionOf(fields.question.value.trim())?.dataset.years.split(" ").filter(Boolean);
}

function offerYears() {
  const offered = years();
  for (const select of [fields.from, fields.to]) {
    for (const option of select.options) {
      option.disabled = Boolean(option.value && offered && !offered.includes(option.value));
      option.hidden = option.disabled;
    }
    if (select.selectedOptions[0]?.disabled) select.value = "";
  }
}

function tellOfQuestion() {
  const { id, best, ...found } = questionOf(fields.question.value.trim())?.dataset ?? {};
  const good = { min: "low values are good", max: "high values are good" }[best];
  const [first, last] = [years()?.at(0), years()?.at(-1)];
  const span = first === last ? first : `${first} to ${last}`;
  document.getElementById("question-is").textContent = [id, found.class, span, good].filter(Boolean).join(" · ");
}

function offerPair() {
  const lists = { location: "places", year: years() ?? [], stratum: strata() };
  for (const input of pair) completed.get(input).offer(lists[fields.between.value]);
}

// The groups of the category that is chosen, of all where none is.
function strata() {
  const category = fields.stratification.value.split("|")[0];
  const values = [...fields.stratification.options].map(({ value }) => value.split("|"));
  return values.filter(([of, name]) => name && (!category || of === category)).map(([, name]) => name);
}
