// Lays each “after” picture over its “before” picture, with a slider that uncovers it.
// Without this file the two pictures stand side by side.

const MOST_DIFFERENCE = 0.02;

const proportion = (picture) => picture.width / picture.height;

function isOneView(before, after) {
  // Pictures of different proportions would not lie on each other: they stay side by side.
  return Math.abs(proportion(before) / proportion(after) - 1) < MOST_DIFFERENCE;
}

function slider(number) {
  const input = document.createElement("input");
  Object.assign(input, { type: "range", id: `compare-${number}`, min: 0, max: 100, value: 50 });
  // A page that is opened again shows what it showed first, in both places.
  input.autocomplete = "off";
  return input;
}

function labelOf(input) {
  const label = document.createElement("label");
  label.htmlFor = input.id;
  label.textContent = "Show more of the after picture";
  return label;
}

document.querySelectorAll("[data-compare]").forEach((compare, number) => {
  const [before, after] = [...compare.querySelectorAll("img")].map((picture) => ({
    width: Number(picture.getAttribute("width")),
    height: Number(picture.getAttribute("height")),
  }));
  if (!isOneView(before, after)) return;
  const input = slider(number + 1);
  const show = () => {
    compare.style.setProperty("--shown", `${input.value}%`);
    input.setAttribute("aria-valuetext", `${input.value} % after`);
  };
  input.addEventListener("input", show);
  show();
  compare.classList.add("sliding");
  compare.append(input);
  compare.after(labelOf(input));
});
