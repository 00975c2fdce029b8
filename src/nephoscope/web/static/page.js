// What every page gains by a script; without one all of it works by its buttons.

document.addEventListener("change", (event) => {
  // Filters and scope apply as they are chosen.
  const form = event.target.closest("form.topbar__scope, form.filter-bar[method=get]");
  if (form && event.target.matches("select, input[type=checkbox]")) form.requestSubmit();
  // A tick in the head of a table ticks its rows.
  const name = event.target.dataset.all;
  if (name) for (const one of document.querySelectorAll(`input[type=checkbox][name="${name}"]`)) one.checked = event.target.checked;
});

// What came with the page, or with a part of it that htmx put in.
function arrived() {
  for (const all of document.querySelectorAll("input[data-all]")) all.hidden = false;
  if (document.documentElement.dataset.zone === "local") for (const one of document.querySelectorAll("time[datetime]")) localised(one);
}

// A time in the zone of the reader, where the address asks for it.
const shown = { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
const format = new Intl.DateTimeFormat(undefined, shown);
const exact = new Intl.DateTimeFormat(undefined, { ...shown, fractionalSecondDigits: 3 });
function localised(one) {
  const given = one.getAttribute("datetime");
  const moment = new Date(given);
  if (Number.isNaN(moment.valueOf())) return;
  // a cell of a result keeps all digits that its second has
  const digits = "exact" in one.dataset ? given.match(/\.(\d+)/)?.[1] : undefined;
  const text = digits ? exact.formatToParts(moment).map((part) => (part.type === "fractionalSecond" ? digits : part.value)).join("") : format.format(moment);
  if ("ago" in one.dataset) one.title = text;
  else [one.textContent, one.title] = [text, `${given} (UTC)`];
}
arrived();
// Where the navigation is longer than the window, the entry of the page is in view.
const nav = document.getElementById("nav");
const entry = nav?.querySelector("[aria-current]");
if (entry && entry.offsetTop + entry.offsetHeight > nav.clientHeight) nav.scrollTop = entry.offsetTop - nav.clientHeight / 2;
document.addEventListener("htmx:after:swap", arrived);

// One menu at a time, and Escape closes it.
const menus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => { for (const one of menus()) if (!one.contains(event.target)) one.open = false; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") for (const one of menus()) one.open = false; });
