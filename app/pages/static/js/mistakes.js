// Mistakes at their fields of the form, in the words of the server's own page.

import { form } from "./form.js";
import { anyPage } from "./server.js";

// Show what the page at this address says is wrong, at the field and in the box of problems; focus the field.
export async function showMistake(address, problem, signal) {
  const { page } = await anyPage(address, { signal });
  const said = page.getElementById("problem");
  const wrong = page.querySelector("[data-wrong]");
  if (!said || !wrong) return false;
  problem.replaceChildren(...said.childNodes);
  problem.hidden = false;
  clear();
  const fields = named(wrong.dataset.wrong);
  for (const field of fields) mark(field, wrong.id);
  place(wrong, fields);
  fields[0]?.closest("details")?.setAttribute("open", "");
  fields[0]?.focus();
  return true;
}

// Forget mistakes: all of them, or those of one field.
export function clear(name = null) {
  for (const wrong of form.querySelectorAll("[data-wrong]")) {
    if (name !== null && wrong.dataset.wrong !== name) continue;
    for (const field of named(wrong.dataset.wrong)) unmark(field, wrong.id);
    wrong.remove();
  }
}

function named(name) {
  return [...form.querySelectorAll(`[name="${CSS.escape(name)}"]:not([type=hidden], button)`)];
}

function mark(field, id) {
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", [id, field.getAttribute("aria-describedby")].filter(Boolean).join(" "));
}

function unmark(field, id) {
  field.removeAttribute("aria-invalid");
  const others = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((each) => each !== id);
  if (others.length) field.setAttribute("aria-describedby", others.join(" "));
  else field.removeAttribute("aria-describedby");
}

// Below the field, or below all boxes of one.
function place(wrong, fields) {
  const field = fields.at(-1);
  if (!field) return;
  const around = field.closest(".boxes, label, .combo") ?? field;
  around.after(wrong);
}

form.addEventListener("input", ({ target }) => clear(target.name));
form.addEventListener("change", ({ target }) => clear(target.name));
