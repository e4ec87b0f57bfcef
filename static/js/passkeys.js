// Shows what needs a passkey where the browser knows passkeys, and says what went wrong.
// Without this file, or without passkeys, the password and the authenticator app remain.

const UNANSWERED = ["NotAllowedError", "AbortError"];

function words(exception) {
  if (UNANSWERED.includes(exception?.name)) return "No passkey was used. Try again, or go another way.";
  if (exception?.name === "InvalidStateError") return "This passkey is in your account already.";
  return "The passkey did not work here. Try again, or go another way.";
}

if (window.PublicKeyCredential) {
  document.querySelectorAll("[data-passkeys]").forEach((part) => (part.hidden = false));
  document.querySelectorAll("[data-no-passkeys]").forEach((part) => (part.hidden = true));
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.querySelector("[data-passkey-problem]");
  place.textContent = words(event.detail.exception);
  place.hidden = false;
});
