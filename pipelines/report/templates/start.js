// Without a script the page is whole, but for the filters.
form.hidden = false;

function fromAddress() {
  filtersFromAddress();
  const state = readState();
  const card = cards.find((one) => one.dataset.slice === state.slice);
  if (card && card !== opened) openCard(card);
  else if (!card && viewer.open) viewer.close();
  if (state.at && !card) goTo(state.at);
}

window.addEventListener("hashchange", fromAddress);
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
fromAddress();
