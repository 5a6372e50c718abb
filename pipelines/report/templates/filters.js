// Cards and rows of tables are shown while they have what each filter asks for; one without a facet is not asked.
const FACETS = ["dataset", "label", "plane", "kind"];
const cards = [...document.querySelectorAll(".card")];
const items = [...cards, ...document.querySelectorAll("tr[data-dataset]")].map((element) => ({
  element,
  has: Object.fromEntries(
    FACETS.filter((name) => element.dataset[name] !== undefined).map((name) => [name, new Set(JSON.parse(element.dataset[name]))]),
  ),
  text: element.textContent.toLowerCase(),
}));

const asked = (name) => form.elements[name].value;

function fits(item, except) {
  for (const name of FACETS) {
    const value = asked(name);
    if (name !== except && value !== "*" && item.has[name] && !item.has[name].has(value.slice(1))) return false;
  }
  return item.text.includes(form.elements.find.value.trim().toLowerCase());
}

function applyFilters() {
  let shown = 0;
  for (const item of items) {
    const fit = fits(item, "");
    item.element.hidden = !fit;
    if (fit && item.element.matches(".card")) shown += 1;
  }
  for (const name of FACETS) {
    const left = new Set();
    // Rows of whole datasets, which have no labels, would keep every option.
    for (const item of items) if (item.has.label && item.has[name] && fits(item, name)) for (const value of item.has[name]) left.add(value);
    for (const option of form.elements[name].options) {
      option.disabled = option.value !== "*" && !option.selected && !left.has(option.value.slice(1));
    }
  }
  document.getElementById("count").textContent = `${shown} of ${cards.length} slices`;
  const empty = document.querySelector(".empty");
  if (empty) empty.hidden = shown > 0;
}

function filtersFromAddress() {
  const state = readState();
  for (const name of NAMES) form.elements[name].value = state[name] ?? (name === "find" ? "" : "*");
  for (const name of FACETS) if (form.elements[name].selectedIndex < 0) form.elements[name].value = "*";
  applyFilters();
}

function filtersToAddress() {
  applyFilters();
  writeState(Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value])));
}

form.addEventListener("input", filtersToAddress);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(filtersToAddress));
