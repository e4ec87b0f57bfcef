// Warns before the session ends, and lets a person stay with one click. Without it the
// session ends just the same, and the server gives back what was typed.

const WARN = 120;
const RENEW = 5 * 60;
const place = document.querySelector("[data-session]");
const dialogs = Object.fromEntries(
  ["warning", "last", "over"].map((name) => [name, document.getElementById(`session-${name}`)]),
);
// Tells other tabs only that somebody is at work; each then asks the server.
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("staff-session") : null;
let endsAt = Date.now() + Number(place?.dataset.left) * 1000;
let renewedAt = Date.now();
let token = "";
let timer;

const secondsLeft = () => Math.round((endsAt - Date.now()) / 1000);
const renewAfter = Math.min(RENEW, Number(place?.dataset.left) / 4) * 1000;

async function ask(options = {}) {
  const headers = { "X-Background": "yes", "X-CSRFToken": token };
  const answer = await fetch(place.dataset.session, {
    cache: "no-store", redirect: "error", headers, ...options,
  });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

function show(name) {
  for (const [each, dialog] of Object.entries(dialogs)) {
    if (each === name && !dialog.open) dialog.showModal();
    if (each !== name && dialog.open) dialog.close();
  }
}

// A page without unsaved text has nothing to keep on the screen.
function hasUnsavedText() {
  if (document.querySelector(".errorlist, .errornote, .problem, [data-unsaved]")) return true;
  const fields = document.querySelectorAll("form[method=post] :is(input, textarea, select)");
  return [...fields].some((field) => {
    if (field.type === "hidden") return false;
    if (field.tagName === "SELECT") {
      return [...field.options].some((each) => each.selected !== each.defaultSelected)
        && field.selectedIndex > 0;
    }
    if (["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
    return field.value !== field.defaultValue;
  });
}

function isOver() {
  clearTimeout(timer);
  if (hasUnsavedText()) return show("over");
  return location.replace(location.pathname + location.search);
}

function inWords(seconds) {
  if (seconds > 90) return "2 minutes";
  return seconds > 45 ? "1 minute" : `${Math.max(0, seconds)} seconds`;
}

function countDown() {
  for (const clock of document.querySelectorAll("[data-clock]")) {
    const words = inWords(secondsLeft());
    if (clock.textContent !== words) clock.textContent = words;
  }
  timer = secondsLeft() > 0 ? setTimeout(countDown, 1000) : setTimeout(check, 1500);
}

function take(state) {
  clearTimeout(timer);
  if (state.who !== place.dataset.who) {
    if (!state.who) return isOver();
    dispatchEvent(new Event("session-changed"));
    return location.reload();
  }
  endsAt = Date.now() + state.left * 1000;
  token = state.token;
  for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
  if (state.left <= WARN) {
    show(state.can_go_on ? "warning" : "last");
    return countDown();
  }
  show("");
  timer = setTimeout(check, (state.left - WARN) * 1000);
  return undefined;
}

async function check() {
  try {
    take(await ask());
  } catch {
    // Offline. The page is covered in time all the same.
    if (secondsLeft() <= 0) isOver();
    clearTimeout(timer);
    timer = setTimeout(check, 10_000);
  }
}

async function stay() {
  renewedAt = Date.now();
  try {
    if (!token) token = (await ask()).token;
    take(await ask({ method: "POST" }));
    tabs?.postMessage("active");
  } catch {
    check();
  }
}

function renew() {
  if (Date.now() - renewedAt > renewAfter && secondsLeft() > WARN) stay();
}

if (place) {
  timer = setTimeout(check, Math.max(1, secondsLeft() - WARN) * 1000);
  tabs?.postMessage("active");
  tabs?.addEventListener("message", check);
  document.addEventListener("visibilitychange", () => document.hidden || check());
  for (const event of ["keydown", "pointerdown"]) document.addEventListener(event, renew);
  document.getElementById("session-stay").addEventListener("click", stay);
  // Escape means the same as the button: the person is there.
  dialogs.warning.addEventListener("cancel", stay);
  dialogs.over.addEventListener("cancel", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}
