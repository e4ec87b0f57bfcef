// Keeps what a patient has typed, on this device only, until it is sent or deleted.
// The form works without this file.
const KEY = "consultation-draft";
const KEPT_FOR = 24 * 60 * 60 * 1000;
const form = document.querySelector("form[data-draft]");
const fields = () =>
  [...form.elements].filter((field) => field.name && !["hidden", "submit"].includes(field.type)
    && field.name !== "website");

let changed = false;
let sending = false;

function read() {
  try {
    const draft = JSON.parse(localStorage.getItem(KEY));
    if (draft && Date.now() - draft.at < KEPT_FOR) return draft.values;
    localStorage.removeItem(KEY);
  } catch { /* Storage is off or full: the form still works. */ }
  return null;
}

function keep() {
  const values = {};
  for (const field of fields()) {
    if (field.type === "checkbox") values[field.name] = field.checked;
    else if (field.type !== "radio") values[field.name] = field.value;
    else if (field.checked) values[field.name] = field.value;
  }
  try {
    localStorage.setItem(KEY, JSON.stringify({ at: Date.now(), values }));
  } catch { /* As above. */ }
}

function putBack(values) {
  for (const field of fields()) {
    const value = values[field.name];
    if (value === undefined) continue;
    if (field.type === "checkbox") field.checked = value;
    else if (field.type === "radio") field.checked = field.value === value;
    else if (value && !field.value) field.value = value;
  }
}

function offerDeletion() {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.setAttribute("role", "status");
  notice.append("We put back what you had typed on this device. ");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = "Delete it from this device";
  button.addEventListener("click", () => {
    localStorage.removeItem(KEY);
    changed = false;
    sending = true;
    location.replace(location.pathname + location.search);
  });
  notice.append(button);
  form.before(notice);
}

function countCharacters(area) {
  const most = Number(area.getAttribute("maxlength"));
  const count = document.createElement("p");
  count.className = "help";
  count.setAttribute("role", "status");
  area.after(count);
  const show = () => {
    const left = most - area.value.length;
    count.textContent = left < 500 ? `You can type ${left} more characters.` : "";
  };
  area.addEventListener("input", show);
  show();
}

if (form) {
  const draft = form.hasAttribute("data-fresh") ? read() : null;
  if (draft) {
    putBack(draft);
    offerDeletion();
  }
  form.addEventListener("input", () => {
    changed = true;
    keep();
  });
  form.addEventListener("change", keep);
  form.addEventListener("submit", () => { sending = true; });
  addEventListener("beforeunload", (event) => {
    if (changed && !sending) event.preventDefault();
  });
  // Back from the confirmation or a failed send: the text may be left again.
  addEventListener("pageshow", () => { sending = false; });
  countCharacters(form.elements.message);
}
