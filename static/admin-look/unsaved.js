// Asks before typed text is lost: when another form of the page is sent, or a link followed.
// The form of work needs it least, because each of its buttons sends all that was typed.
let sent = null;

const isTyped = (field) =>
  field.matches("textarea, input:not([type=hidden], [type=radio], [type=checkbox])")
  && field.value !== field.defaultValue;

const holdsText = (form) =>
  form !== sent && (form.matches("[data-unsaved]") || [...form.elements].some(isTyped));

addEventListener("submit", (event) => {
  sent = event.target;
});

function ask(event) {
  if ([...document.querySelectorAll("form[method=post]")].some(holdsText)) event.preventDefault();
  sent = null;
}
addEventListener("beforeunload", ask);

// Somebody else has signed in: what the person before them typed must leave the screen.
addEventListener("session-changed", () => removeEventListener("beforeunload", ask));
