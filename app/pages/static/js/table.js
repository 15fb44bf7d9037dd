// Tables that are sorted by a click on a heading, or by the keyboard: the headings become buttons.

const compare = new Intl.Collator("en", { numeric: true }).compare;

export function sortable(table) {
  for (const [at, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: heading.textContent });
    button.addEventListener("click", () => sort(table, heading, at));
    heading.replaceChildren(button);
    heading.setAttribute("aria-sort", "none");
  }
}

function sort(table, heading, at) {
  const upwards = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", upwards ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: key(row.cells[at]) }));
  rows.sort((one, other) => order(one.key, other.key, upwards ? 1 : -1));
  table.tBodies[0].replaceChildren(...rows.map(({ row }) => row));
}

function key(cell) {
  if (cell.dataset.value === undefined) return cell.textContent;
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

// What has no value comes last, whichever way the others are sorted.
function order(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  return sign * (typeof one === "number" ? one - other : compare(one, other));
}
