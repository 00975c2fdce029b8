// What every page gains by a script; without one all of it works by its buttons.

// Filters and scope apply as they are chosen.
for (const form of document.querySelectorAll("form.scope, form.filters[method=get]")) {
  form.addEventListener("change", (event) => { if (event.target.matches("select, input[type=checkbox]")) form.requestSubmit(); });
}

// A tick in the head of a table ticks its rows.
for (const all of document.querySelectorAll("input[data-all]")) {
  all.hidden = false;
  const rows = () => document.querySelectorAll(`input[type=checkbox][name="${all.dataset.all}"]`);
  all.addEventListener("change", () => { for (const one of rows()) one.checked = all.checked; });
}

// Times in the zone of the reader, where the address asks for it.
if (document.documentElement.dataset.zone === "local") {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const one of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(one.getAttribute("datetime"));
    if (Number.isNaN(moment.valueOf())) continue;
    one.title = `${moment.toISOString()} (UTC)`;
    if (!one.hasAttribute("data-ago")) one.textContent = format.format(moment);
  }
}

// One menu at a time, and Escape closes it.
const menus = () => document.querySelectorAll("details.who[open]");
document.addEventListener("click", (event) => { for (const one of menus()) if (!one.contains(event.target)) one.open = false; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") for (const one of menus()) one.open = false; });
