// Keys for the inbox: move, open, claim, search, help. Everything works without them.

const rows = [...document.querySelectorAll(".requests tbody tr")];
const links = rows.map((row) => row.querySelector(".person a"));
const search = document.querySelector("#id_q");
const help = document.querySelector("dialog.keys");

const isTyping = (place) => place.matches("input:not([type=checkbox]), textarea, select");
const here = () => rows.findIndex((row) => row.contains(document.activeElement));

function move(step) {
  const at = here();
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
  links[Math.min(Math.max(next, 0), rows.length - 1)]?.focus();
}

const acts = {
  j: () => move(1),
  ArrowDown: () => move(1),
  k: () => move(-1),
  ArrowUp: () => move(-1),
  o: () => links[here()]?.click(),
  c: () => rows[here()]?.querySelector("button.claim")?.click(),
  "/": () => search?.focus(),
  "?": () => help?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
  if (isTyping(event.target) || !Object.hasOwn(acts, event.key)) return;
  // Arrows scroll the page until somebody has begun to move over the rows.
  if (event.key.startsWith("Arrow") && here() < 0) return;
  event.preventDefault();
  acts[event.key]();
});

// The whole row shows where one is, not only its link.
document.addEventListener("focusin", () => {
  const at = here();
  rows.forEach((row, number) => row.classList.toggle("is-here", number === at));
});
