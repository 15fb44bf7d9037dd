// Sortable tables: the headings become buttons, for mouse and keyboard.

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
