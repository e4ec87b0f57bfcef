// Keys for the inbox: move, open, claim, search, help. Everything works without them.

const rows = [...document.querySelectorAll(".requests tbody tr")];
const links = rows.map((row) => row.querySelector(".person a"));
const search = document.querySelector("#id_q");
const help = document.querySelector("dialog.keys");

document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

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

// One tick for the whole page; only with scripts, because without them it would do nothing.
const ticks = [...document.querySelectorAll(".requests tbody .tick input")];
const place = document.querySelector(".requests thead .tick");
const legend = document.querySelector(".bulk legend");
const words = legend?.textContent;

if (ticks.length && place) {
  const all = document.createElement("input");
  const label = document.createElement("label");
  const name = document.createElement("span");
  all.type = "checkbox";
  name.className = "all-words";
  name.textContent = "Tick all on this page";
  label.append(all, name);
  place.replaceChildren(label);

  const count = () => {
    const ticked = ticks.filter((tick) => tick.checked).length;
    all.checked = ticked === ticks.length;
    all.indeterminate = ticked > 0 && !all.checked;
    legend.textContent = ticked ? `With the ${ticked} ticked` : words;
  };
  document.querySelector(".requests").addEventListener("change", (event) => {
    if (event.target === all) for (const tick of ticks) tick.checked = all.checked;
    count();
  });
  count();
}

// The whole row shows where one is, not only its link.
document.addEventListener("focusin", () => {
  const at = here();
  rows.forEach((row, number) => row.classList.toggle("is-here", number === at));
});
