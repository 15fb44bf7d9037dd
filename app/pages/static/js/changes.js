// The page of changes between two versions of the table: draw the chart, and make the tables sortable.

import { draw } from "./chart.js";
import { sortable } from "./table.js";

for (const table of document.querySelectorAll("table.sortable")) sortable(table);
const chart = document.getElementById("chart");
if (chart) draw(chart);
