// The request is stored: the draft on this device has done its work.
try {
  localStorage.removeItem("consultation-draft");
} catch { /* Storage is off: there was no draft. */ }
