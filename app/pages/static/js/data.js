// The data page: refresh it, so that a reload is seen to finish, and make the questions sortable.

import { refreshOn } from "./live.js";
import { sortable } from "./table.js";

for (const table of document.querySelectorAll("table.sortable")) sortable(table);
refreshOn("reload");
