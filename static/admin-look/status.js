// The button that saves a page says what it does to what patients see: by the status chosen now.
const status = document.getElementById("id_status");
const rows = [...document.querySelectorAll(".submit-row[data-says]")];

const TAKES_DOWN = {
  draft: "Take the page down",
  scheduled: "Take down until its time",
  withdrawn: "Withdraw the page",
};

function say() {
  for (const row of rows) {
    const button = row.querySelector("[name=_save]");
    const isLive = "live" in row.dataset;
    const otherwise = isLive ? TAKES_DOWN[status.value] : "Save";
    button.value = status.value === "published" ? row.dataset.says : otherwise;
  }
  for (const button of document.querySelectorAll(".more-acts [name=_continue]")) {
    button.hidden = status.value !== "published";
  }
}

if (status && rows.length) {
  status.addEventListener("change", say);
  say();
}
