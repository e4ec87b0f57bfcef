// A long page is laid out as far as it is seen, so its length changes while it is read. Who
// comes back to it, or loads it again, finds the line that they left all the same. The place
// is kept with the tab's own history, and goes with it.
// It comes after the scripts that change how long a page is.
// Where no script runs the page is laid out as a whole (static/css/procedure.css).

const COMES_BACK = ["back_forward", "reload"];

const sections = [...document.querySelectorAll(".sections > *")];
const top = (section) => section.getBoundingClientRect().top;

function keep() {
  // The last section that begins above the window is the one that is read.
  const number = sections.findLastIndex((section) => top(section) <= 0);
  const place = number < 0 ? null : { number, top: top(sections[number]) };
  history.replaceState({ ...history.state, place }, "");
}

function comeBack({ number, top: before }) {
  const section = sections[number];
  if (!section) return;
  section.scrollIntoView({ behavior: "instant" });
  scrollBy({ top: top(section) - before, behavior: "instant" });
}

const [visit] = performance.getEntriesByType("navigation");
const place = history.state?.place;
const isBack = visit && COMES_BACK.includes(visit.type) && place && !location.hash;
if (isBack) {
  history.scrollRestoration = "manual";
  document.documentElement.classList.add("whole");
  comeBack(place);
}
// Once more when all is there, the heading font too; from then on the reader moves.
addEventListener("pageshow", async () => {
  await document.fonts.ready;
  if (isBack) comeBack(place);
  history.scrollRestoration = "auto";
  document.addEventListener("scrollend", keep);
}, { once: true });
