// The data page: kept as the server has it, so that a reload is seen to end; the questions can be sorted.

import { keep } from "./live.js";
import { sortable } from "./table.js";

for (const table of document.querySelectorAll("table.sortable")) sortable(table);
keep(() => undefined);
