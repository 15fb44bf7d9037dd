// The form: show the fields that the statistic takes, and offer the values that question and table have.

import { combobox } from "./combobox.js";
import { root } from "./server.js";

const form = document.getElementById("ask");
const fields = form.elements;
const pair = [fields.a, fields.b];
const REPLACED_BY_PAIR = { location: "state", year: "years" }; // comparing two of them leaves no single one to choose
const completed = new Map([...form.querySelectorAll("input[list]")].map((input) => [input, combobox(input)]));

export { form };

export function start() {
  form.addEventListener("change", refresh);
  refresh();
}

// The query in the form: the filled-in fields, of those that the statistic takes.
export function query() {
  const filled = new URLSearchParams();
  for (const [name, text] of new FormData(form)) if (text.trim()) filled.append(name, short(name, text.trim()));
  return filled;
}

// The address of the page with this query.
export function address() {
  return `${root}/?${query()}`;
}

export function fill(query) {
  form.reset();
  if (query.size) for (const field of fields) if (field.name) fillIn(field, query.getAll(field.name));
  refresh();
}

function fillIn(field, texts) {
  if (field.type === "checkbox") {
    const byDefault = field.name === "by" && field.value === "location" && !texts.length;
    field.checked = byDefault || texts.includes(field.value);
  } else if (field.tagName === "SELECT") {
    const text = texts[0] ?? field.options[0].value;
    // Keep what the list does not offer: the error of the request names it, and no other question is asked instead.
    if (![...field.options].some((option) => option.value === text)) field.add(new Option(text, text));
    field.value = text;
  } else {
    field.value = questionOf(texts[0])?.value ?? texts[0] ?? "";
  }
}

function refresh() {
  const { takes, needs, label } = statistic();
  document.getElementById("statistic-is").textContent = label;
  const replaced = takes.has("between") && REPLACED_BY_PAIR[fields.between.value];
  for (const part of form.querySelectorAll("[data-of]")) {
    const taken = takes.has(part.dataset.of) && part.dataset.of !== replaced;
    part.classList.toggle("not-taken", !taken);
    for (const field of part.querySelectorAll("input, select")) {
      field.disabled = !taken;
      field.required = taken && needs.has(part.dataset.of) && field.type !== "checkbox";
    }
  }
  offerYears();
  offerPair();
  describeQuestion();
}

function statistic() {
  const { takes, needs, label } = fields.statistic.selectedOptions[0].dataset;
  return { takes: new Set(takes.split(" ")), needs: new Set(needs.split(" ")), label };
}

// The question with this text or id, if there is one.
function questionOf(text) {
  const options = [...document.getElementById("questions").options];
  return text && options.find(({ value, dataset }) => value === text || dataset.id === text);
}

// Addresses name questions by their ids, as the texts are long.
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

function describeQuestion() {
  const question = questionOf(fields.question.value.trim())?.dataset ?? {};
  const better = { min: "low values are better", max: "high values are better" }[question.best];
  const facts = [question.id, question.class, question.span, better];
  document.getElementById("question-is").textContent = facts.filter(Boolean).join(" · ");
}

function offerPair() {
  const lists = { location: "places", year: years() ?? [], stratum: strata() };
  for (const input of pair) completed.get(input).offer(lists[fields.between.value]);
}

// The groups of the chosen category, or of all categories.
function strata() {
  const category = fields.stratification.value.split("|")[0];
  const values = [...fields.stratification.options].map(({ value }) => value.split("|"));
  return values.filter(([of, name]) => name && (!category || of === category)).map(([, name]) => name);
}
