// What the address says after #: the filters, an open slice and a section, so that a link shows the same again.
const NAMES = ["find", "dataset", "label", "plane", "kind"];
const form = document.querySelector(".filters");

function readState() {
  const text = location.hash.slice(1);
  return text.includes("=") ? Object.fromEntries(new URLSearchParams(text)) : text ? { at: text } : {};
}

function writeState(changes) {
  const state = { ...readState(), ...changes };
  const kept = Object.entries(state).filter(([, value]) => value !== "" && value !== "*" && value != null);
  const text = new URLSearchParams(kept).toString();
  history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
}

function goTo(id) {
  const section = document.getElementById(id);
  if (!section) return;
  section.scrollIntoView();
  section.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  event.preventDefault();
  const id = link.getAttribute("href").slice(1);
  writeState({ at: id });
  goTo(id);
});
