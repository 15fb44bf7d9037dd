// Sortable tables, whose headings become buttons for mouse and keyboard, and a field that filters long ones by a text.

const FEWEST_ROWS = 13; // fewer are seen at a glance
const compare = new Intl.Collator("en", { numeric: true }).compare;

// Sort by a column as an address names it, such as "value", or "-value" for the highest first; tell each later order.
export function sortable(table, asked = "", tell = () => {}) {
  for (const [at, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: heading.textContent });
    button.addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      sort(table, heading, at, ascending);
      tell(`${ascending ? "" : "-"}${heading.dataset.column}`);
    });
    heading.replaceChildren(button);
    heading.setAttribute("aria-sort", "none");
  }
  if (asked) sortAsAsked(table, asked);
}

function sortAsAsked(table, asked) {
  const headings = [...table.tHead.rows[0].cells];
  const name = asked.replace(/^-/, "");
  const at = headings.findIndex(({ dataset }) => dataset.column === name);
  if (at < 0) throw new Error(`The table has no column “${name}” to sort by.`);
  sort(table, headings[at], at, name === asked);
}

function sort(table, heading, at, ascending) {
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: key(row.cells[at]) }));
  rows.sort((one, other) => order(one.key, other.key, ascending ? 1 : -1));
  table.tBodies[0].replaceChildren(...rows.map(({ row }) => row));
}

function key(cell) {
  if (cell.dataset.value === undefined) return cell.textContent;
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

// Cells without a value come last in either order.
function order(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  return sign * (typeof one === "number" ? one - other : compare(one, other));
}

// Hide the rows without a text, which an address may name; tell each later text.
export function filterable(table, asked = "", tell = () => {}) {
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: textOf(row) }));
  if (rows.length < FEWEST_ROWS && !asked) return;
  const field = Object.assign(document.createElement("label"), { className: "find", textContent: "Filter rows" });
  const input = Object.assign(document.createElement("input"), { type: "search", value: asked, spellcheck: false });
  const left = document.createElement("output"); // announced when it changes
  field.append(input, left);
  table.parentElement.before(field);

  function apply() {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const { row, text } of rows) row.hidden = !words.every((word) => text.includes(word));
    const count = rows.filter(({ row }) => !row.hidden).length;
    left.textContent = input.value.trim() ? `${count} of ${rows.length} rows` : "";
  }

  input.addEventListener("input", () => {
    apply();
    tell(input.value.trim());
  });
  apply();
}

function textOf(row) {
  return [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
}
