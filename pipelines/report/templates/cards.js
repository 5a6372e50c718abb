// A card opens as a dialog; keys go from card to card.
const viewer = document.getElementById("viewer");
const visible = () => cards.filter((card) => !card.hidden);
let opened = null;

function openCard(card) {
  opened = card;
  const from = card.querySelector("img");
  const image = document.getElementById("viewer-image");
  image.src = from.src;
  image.alt = from.alt;
  document.getElementById("viewer-title").textContent = card.querySelector("h3").textContent;
  const parts = [".of", ".numbers", ".again"].map((name) => card.querySelector(name).cloneNode(true));
  document.getElementById("viewer-text").replaceChildren(...parts);
  const all = visible();
  document.getElementById("place").textContent = `${all.indexOf(card) + 1} of ${all.length}`;
  if (!viewer.open) viewer.showModal();
  writeState({ slice: card.dataset.slice });
}

function step(by) {
  const all = visible();
  if (!all.length) return;
  const current = opened ?? document.activeElement.closest?.(".card");
  const place = all.indexOf(current);
  const next = all[place < 0 ? 0 : Math.min(Math.max(place + by, 0), all.length - 1)];
  if (opened) openCard(next);
  else {
    next.querySelector(".open").focus();
    next.scrollIntoView({ block: "nearest" });
  }
}

for (const card of cards) card.querySelector(".open").addEventListener("click", () => openCard(card));
document.getElementById("close").addEventListener("click", () => viewer.close());
document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("following").addEventListener("click", () => step(1));
viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
viewer.addEventListener("close", () => {
  const card = opened;
  opened = null;
  writeState({ slice: "" });
  card?.querySelector(".open").focus();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape" && event.target.id === "find") event.target.blur();
    return;
  }
  const arrows = opened || event.target.closest(".card"); // elsewhere they scroll
  if (event.key === "/" && !opened) {
    event.preventDefault();
    form.elements.find.focus();
  } else if (event.key === "j" || (arrows && ["ArrowRight", "ArrowDown"].includes(event.key))) {
    event.preventDefault();
    step(1);
  } else if (event.key === "k" || (arrows && ["ArrowLeft", "ArrowUp"].includes(event.key))) {
    event.preventDefault();
    step(-1);
  }
});
