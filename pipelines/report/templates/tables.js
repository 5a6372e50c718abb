// A head of a column is a button that sorts by it: numbers by their value, largest first, words by the alphabet.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const cell = body.rows[0]?.cells[column];
    const numeric = cell?.classList.contains("n") ?? false;
    head.classList.toggle("n", numeric);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => sortBy(table, head, column, numeric));
  });
}

function sortBy(table, head, column, numeric) {
  const before = head.getAttribute("aria-sort");
  const up = before ? before === "descending" : !numeric;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const value = (row) => (numeric ? parseFloat(row.cells[column].dataset.v) : row.cells[column].textContent.trim());
  const rows = [...table.tBodies[0].rows].map((row) => [value(row), row]);
  rows.sort(([a], [b]) => {
    if (!numeric) return up ? a.localeCompare(b) : b.localeCompare(a);
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b); // what is missing stays below
    return up ? a - b : b - a;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}
