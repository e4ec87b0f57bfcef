// Says who else has this request open. Without it, the page says who had when it was loaded.

const EVERY = 10_000;
const place = document.querySelector("[data-presence]");
const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
let timer;

const message = (extra = {}) => new URLSearchParams({ csrfmiddlewaretoken: token, ...extra });

function inWords(others) {
  if (!others.length) return "";
  return `${others.join(" and ")} ${others.length === 1 ? "has" : "have"} this open now.`;
}

async function ask() {
  try {
    const answer = await fetch(place.dataset.presence, {
      method: "POST", body: message(), redirect: "error", headers: { "X-Background": "yes" },
    });
    if (!answer.ok) return;
    const words = inWords((await answer.json()).others);
    // Unchanged words are left alone, or a screen reader would say them again.
    if (words !== place.textContent) place.textContent = words;
  } catch { /* Offline or signed out: the next look tells. */ }
}

function start() {
  clearInterval(timer);
  timer = setInterval(ask, EVERY);
}

function leave() {
  clearInterval(timer);
  navigator.sendBeacon(place.dataset.presence, message({ gone: "yes" }));
}

if (place && token) {
  start();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return leave();
    ask();
    return start();
  });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && start());
}
