// A field with completion from a list, by the combobox pattern of the ARIA Authoring Practices.
//
// The browser's own <input list="…"> matches prefixes only, and offers nothing once the field is filled in.
// With data-many, the field is a comma-separated list whose last part is completed.

const MAX_OPTIONS = 60;
let count = 0;

export function combobox(input) {
  const state = { input, list: input.getAttribute("list"), ...listbox(input), at: -1 };
  input.removeAttribute("list");
  const combo = { "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": state.box.id };
  const attributes = { role: "combobox", ...combo, spellcheck: "false" };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  input.addEventListener("input", () => open(state, typedPart(input)));
  input.addEventListener("click", () => open(state, ""));
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", () => close(state));
  input.addEventListener("keydown", (event) => key(state, event));
  state.box.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // the focus stays in the field
    const option = event.target.closest("[role=option]");
    if (option) take(state, option);
  });
  return { offer: (list) => { state.list = list; } };
}

function listbox(input) {
  const around = document.createElement("div");
  around.className = "combo";
  input.replaceWith(around);
  const box = document.createElement("ul");
  Object.assign(box, { id: `options-${count += 1}`, className: "options", hidden: true });
  box.setAttribute("role", "listbox");
  box.setAttribute("aria-label", `Choices for ${input.labels?.[0]?.textContent ?? input.name}`);
  const nothing = document.createElement("p"); // says so if nothing matches
  nothing.className = "hint";
  nothing.setAttribute("role", "status");
  around.append(input, box, nothing);
  return { box, nothing };
}

function typedPart(input) {
  return ("many" in input.dataset ? input.value.split(",").pop() : input.value).trim();
}

function offered(state) {
  const options = typeof state.list === "string" ? document.getElementById(state.list).options : state.list ?? [];
  return [...options].map((option) => option.value === undefined ? { value: String(option) } : {
    value: option.value,
    note: [option.dataset?.id, option.dataset?.class].filter(Boolean).join(" · "),
    also: option.dataset?.also ?? "",
  });
}

function open(state, typed) {
  const words = typed.toLowerCase().split(/\s+/);
  const found = offered(state).filter(({ value, note, also }) => {
    const text = `${value} ${note ?? ""} ${also ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  state.box.replaceChildren(...found.slice(0, MAX_OPTIONS).map((choice, at) => option(state, choice, at)));
  state.box.hidden = found.length === 0;
  state.nothing.textContent = found.length || !typed ? "" : `Nothing in the list contains “${typed}”.`;
  state.input.setAttribute("aria-expanded", String(found.length > 0));
  state.at = -1;
  state.input.removeAttribute("aria-activedescendant");
}

function option(state, { value, note }, at) {
  const item = document.createElement("li");
  Object.assign(item, { id: `${state.box.id}-${at}`, textContent: value });
  item.dataset.value = value;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  if (note) item.append(Object.assign(document.createElement("small"), { textContent: note }));
  return item;
}

function close(state) {
  state.box.hidden = true;
  state.nothing.textContent = "";
  state.input.setAttribute("aria-expanded", "false");
  state.input.removeAttribute("aria-activedescendant");
}

function point(state, at) {
  state.box.children[state.at]?.setAttribute("aria-selected", "false");
  state.at = at;
  const option = state.box.children[at];
  if (!option) return state.input.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  state.input.setAttribute("aria-activedescendant", option.id);
}

function take(state, option) {
  const { input } = state;
  const before = "many" in input.dataset ? input.value.split(",").slice(0, -1) : [];
  input.value = [...before.map((text) => text.trim()), option.dataset.value].join(", ");
  close(state);
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// Whether the only option left is what the user is typing.
function isMeant({ box, input }) {
  return box.children.length === 1 && typedPart(input) !== "" && box.firstChild.dataset.value !== typedPart(input);
}

function key(state, event) {
  const isOpen = !state.box.hidden;
  const last = state.box.children.length - 1;
  const below = state.at < last ? state.at + 1 : 0;
  const above = state.at > 0 ? state.at - 1 : last;
  const move = { ArrowDown: below, ArrowUp: above }[event.key];
  if (move !== undefined) {
    event.preventDefault();
    if (!isOpen) open(state, "");
    point(state, isOpen ? move : 0);
  } else if (event.key === "Enter" && isOpen && (state.at >= 0 || isMeant(state))) {
    event.preventDefault();
    take(state, state.box.children[Math.max(state.at, 0)]);
  } else if (event.key === "Enter") {
    close(state); // the form is submitted
  } else if (event.key === "Escape" && (isOpen || state.nothing.textContent)) {
    event.preventDefault();
    close(state);
  } else if (event.key === "Tab") {
    close(state);
  }
}
