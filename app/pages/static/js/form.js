// The form: show the fields that the statistic takes, and offer the values that question and table have.

import { combobox } from "./combobox.js";
import { root } from "./server.js";
import { shown } from "./view.js";

const form = document.getElementById("ask");
const fields = form.elements;
const pair = [fields.a, fields.b];
const REPLACED = { location: "state", year: "years" }; // comparing several of them leaves no single one to choose
const OVER_YEARS = new Set(["trend", "trends"]); // need several years
let before = null; // the question and the statistic before the last change
const completed = new Map([...form.querySelectorAll("input[list]")].map((input) => [input, combobox(input)]));

export { form };

export function start() {
  form.addEventListener("change", () => {
    adapt();
    refresh();
  });
  refresh();
  remember();
  remember();
}

function remember() {
  const { latest = "" } = questionOf(fields.question.value.trim())?.dataset ?? {};
  before = { latest, text: fields.question.value, overYears: isOverYears(), between: fields.between.value };
}

// The query in the form: the filled-in fields, of those that the statistic takes.
export function query() {
  const filled = new URLSearchParams();
  for (const [name, text] of new FormData(form)) if (text.trim()) filled.append(name, short(name, text.trim()));
  return filled;
}

// The address of the page with this query, in the theme that the address of this page names.
export function address() {
  const asked = query();
  if (shown("theme")) asked.append("theme", shown("theme"));
  return `${root}/?${asked}`;
}

export function fill(query) {
  form.reset();
  if (query.size) for (const field of fields) if (field.name) fillIn(field, query.getAll(field.name));
  document.getElementById("adapted").textContent = "";
  refresh();
  remember();
}

// Put other texts into fields, as a change by hand would.
export function correct(texts) {
  for (const [name, text] of texts) {
    fillIn(fields[name], [text]);
    fields[name].dispatchEvent(new Event("change", { bubbles: true }));
    fields[name].focus();
  }
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
  const { takes, needs } = statistic();
  const [chosen] = fields.statistic.selectedOptions;
  document.getElementById("statistic-is").textContent = `${chosen.text}; in the API: ${chosen.value}`;
  const isMean = chosen.closest("#means");
  document.getElementById("means-are").classList.toggle("not-taken", !isMean);
  const replaced = replacedBy(takes);
  for (const part of form.querySelectorAll("[data-of]")) {
    // A mistake in it is an address's: it stays to be seen.
    const isReplaced = part.dataset.of === replaced && !part.querySelector("[data-wrong]");
    const taken = takes.has(part.dataset.of) && !isReplaced;
    part.classList.toggle("not-taken", !taken);
    for (const field of part.querySelectorAll("input, select")) {
      field.disabled = !taken;
      field.required = taken && needs.has(part.dataset.of) && field.type !== "checkbox";
    }
  }
  placeLocations(needs.has("locations"), takes.has("by"));
  fields.state.placeholder = needs.has("state") ? "Ohio" : "the nation";
  offerYears();
  offerPair();
  describeQuestion();
}

// The part that the form leaves out, because what is compared takes its place. Years to compare can be restricted.
function replacedBy(takes) {
  if (takes.has("across")) return fields.across.value === "location" && REPLACED.location;
  return takes.has("between") && REPLACED[fields.between.value];
}

// The locations are a filter, except for a statistic that is about those that are named: then the location that the form
// had is the first of them. Estimates are of all locations or of some, and which is asked too often to be folded away.
function placeLocations(needed, isOffered) {
  const part = form.querySelector("[data-of=locations]");
  part.querySelector("label").textContent = needed ? "Locations" : "Only these locations";
  fields.locations.placeholder = needed ? "Ohio, Utah" : "all";
  const before = form.querySelector(needed || isOffered ? "[data-of=state]" : ".filters summary");
  if (before.nextElementSibling === part) return;
  before.after(part);
  if (needed && !fields.locations.value) fields.locations.value = fields.state.value && `${fields.state.value}, `;
}

// Two locations cannot be compared as years. The first of them becomes the location that the comparison is about.
function adaptPair() {
  const now = fields.between.value;
  if (now === before.between) return "";
  const [first] = pair.map(({ value }) => value.trim());
  const were = before.between;
  before.between = now;
  for (const input of pair) input.value = "";
  if (were === "location" && first && !fields.state.value) {
    fields.state.value = first;
    return `The location is ${first} now; choose what to compare in it.`;
  }
  return "Choose what to compare.";
}

// Keep the filters that make sense for another question or statistic, and say which do not.
function adapt() {
  const { latest = "", years = "", categories } = questionOf(fields.question.value.trim())?.dataset ?? {};
  const now = { latest, years, text: fields.question.value, overYears: isOverYears() };
  const notes = [adaptPair()];
  if (latest && (now.text !== before.text || now.overYears !== before.overYears)) notes.push(adaptYears(now));
  const [category] = fields.stratification.value.split("|");
  if (category && categories !== undefined && !categories.split("|").includes(category)) {
    notes.push(`No group of people is chosen any more, as this question has none of ${category}.`);
    fields.stratification.value = "";
  }
  if (latest) before = { ...now, between: before.between };
  const text = notes.filter(Boolean).join(" ");
  if (text || now.text !== before.text) document.getElementById("adapted").textContent = text;
}

function adaptYears({ latest, years, overYears }) {
  const [from, to] = [fields.from.value, fields.to.value];
  const wasLatest = [from, to].join(" ") === before.latest && before.latest !== "";
  if (overYears && wasLatest) return chooseYears("", "", "All years are chosen, as a figure over the years needs several.");
  const choose = (reason) => chooseYears(...latest.split(" "), reason);
  if (!overYears && before.overYears && !from && !to) return choose("The latest year is chosen.");
  if (overYears) return "";
  if (wasLatest) return latest === before.latest ? "" : choose("The latest year of this question is chosen.");
  const within = (year) => (!from || year >= from) && (!to || year <= to);
  if ((from || to) && !years.split(" ").some(within)) {
    return choose("This question has no figures of the chosen years; its latest year is chosen instead.");
  }
  return "";
}

function chooseYears(from, to, reason) {
  [fields.from.value, fields.to.value] = [from, to];
  return reason;
}

// Whether the answer is about several years.
function isOverYears() {
  const { takes } = statistic();
  const byYear = [...fields.by].some((box) => box.value === "year" && box.checked);
  const across = takes.has("across") && fields.across?.value === "year";
  return OVER_YEARS.has(fields.statistic.value) || (takes.has("by") && byYear) || across;
}

function statistic() {
  const { takes = "", needs = "" } = fields.statistic.selectedOptions[0].dataset;
  return { takes: new Set(takes.split(" ")), needs: new Set(needs.split(" ")) };
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
      // What an address names stays, so that the error of the request names it too.
      option.disabled = Boolean(option.value && offered && !offered.includes(option.value) && !option.selected);
      option.hidden = option.disabled;
    }
  }
}

function describeQuestion() {
  document.getElementById("question-is").textContent = questionOf(fields.question.value.trim())?.dataset.about ?? "";
}

function offerPair() {
  const lists = { location: "places", year: years() ?? [], stratum: strata() };
  for (const input of pair) completed.get(input).offer(lists[fields.between.value]);
  completed.get(fields.reference).offer(lists[fields.across.value] ?? []);
}

// The groups of the chosen category, or of all categories.
function strata() {
  const category = fields.stratification.value.split("|")[0];
  const values = [...fields.stratification.options].map(({ value }) => value.split("|"));
  return values.filter(([of, name]) => name && (!category || of === category)).map(([, name]) => name);
}
