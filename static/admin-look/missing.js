// Ticks off what is missing before publication while the editor types. The server has the
// last word when the page is saved.
const list = document.querySelector("[data-missing]");
const counts = { sources: () => [...document.querySelectorAll(
  "#sources-group input[name$='-title']")].some((field) => field.value.trim()) };

function update() {
  let left = 0;
  for (const item of list.querySelectorAll("[data-field]")) {
    const name = item.dataset.field;
    const field = document.getElementById(`id_${name}`);
    const isThere = counts[name] ? counts[name]() : Boolean(field && field.value.trim());
    item.hidden = isThere;
    if (!isThere) left += 1;
  }
  list.hidden = left === 0;
}

if (list) {
  document.addEventListener("input", update);
  update();
}
