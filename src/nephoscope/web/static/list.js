// What a list gains by a script: rows are chosen in their place, and keys move in it. Without one links and forms do the same.

const rows = () => [...document.querySelectorAll("#list [data-row]")];
const bar = () => document.querySelector("[data-bulk]");
const ticks = () => [...document.querySelectorAll("#list tbody input[form=selection]")];

// The bar counts what is ticked, and is there only where something is.
function counted() {
  for (const one of ticks()) one.closest("tr").classList.toggle("data-list__row--selected", one.checked);
  const chosen = ticks().filter((one) => one.checked).length;
  if (!bar()) return;
  bar().hidden = chosen === 0;
  bar().querySelector("[data-count]").textContent = chosen;
}
function arrived() {
  const choose = document.querySelector("[data-choose]");
  if (choose) choose.closest("form").hidden = true;
  counted();
}
document.addEventListener("change", (event) => { if (event.target.closest("#list")) counted(); });
document.addEventListener("click", (event) => {
  const clear = event.target.closest("[data-clear]");
  if (clear) {
    event.preventDefault();
    for (const one of document.querySelectorAll("#list input[type=checkbox]")) one.checked = false;
    counted();
  }
});

// An action is sent with what is ticked now, and the choice of columns leads back to what is shown now.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if ("selected" in form.dataset) {
    const name = bar().dataset.bulk;
    for (const one of form.querySelectorAll(`input[type=hidden][name="${name}"]`)) one.remove();
    for (const one of ticks().filter((each) => each.checked)) {
      const field = document.createElement("input");
      [field.type, field.name, field.value] = ["hidden", name, one.value];
      form.append(field);
    }
  }
  if (form.getAttribute("action") === "/columns") {
    const here = new URL(location.href);
    here.searchParams.delete("columns");
    form.elements.next.value = here.pathname + here.search;
  }
  if (form.getAttribute("action") === "/views" && form.elements.query) form.elements.query.value = location.search;
}, true);

// The link of a preview learns when it is reached that it changes the list alone: a hundred rows need not say so.
function prepared(link) {
  if (!link || link.hasAttribute("hx-get")) return link;
  const attributes = { "hx-get": link.getAttribute("href"), "hx-target": "#list", "hx-select": "#list", "hx-select-oob": "#toolbar", "hx-swap": "outerHTML", "hx-push-url": "true" };
  for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
  window.htmx.process(link);
  return link;
}
for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => prepared(event.target.closest?.(".data-list__preview")));

// A text that is cut off says the whole of itself where it is pointed at.
document.addEventListener("pointerover", (event) => {
  const cell = event.target.closest?.("#list tbody .data-list__cell");
  if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) cell.title = [...cell.childNodes].filter((one) => !one.classList?.contains("data-list__sub")).map((one) => one.textContent).join("").trim();
});

// Keys; who types keeps them, and the help turns them off.
const OFF = "nephoscope-keys-off";
const typing = (one) => one.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], dialog");
function moved(step) {
  const every = rows();
  const focused = every.findIndex((one) => one.contains(document.activeElement));
  // a row that was opened beside the list was drawn anew: the next one follows it
  const at = focused >= 0 ? focused : every.findIndex((one) => one.classList.contains("data-list__row--current"));
  const next = every[at < 0 ? (step > 0 ? 0 : every.length - 1) : Math.min(Math.max(at + step, 0), every.length - 1)];
  (next?.querySelector(".data-list__cell--title a") ?? next?.querySelector("a"))?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
const current = () => document.activeElement?.closest?.("[data-row]");
const KEYS = {
  "/": () => document.querySelector("#contains")?.focus(),
  j: () => moved(1),
  k: () => moved(-1),
  x: () => current()?.querySelector("input[form=selection]")?.click(),
  p: () => prepared(current()?.querySelector(".data-list__preview"))?.click(),
  "?": () => document.querySelector("#keys")?.showModal(),
};
document.addEventListener("keydown", (event) => {
  // Escape leaves the search box as it is: browsers would empty it, and the list would lose its filter.
  if (event.key === "Escape" && event.target.id === "contains") {
    event.preventDefault();
    event.target.blur();
  }
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !document.querySelector("#list")) return;
  if (localStorage.getItem(OFF) && event.key !== "?") return;
  event.preventDefault();
  act();
});
document.addEventListener("focusin", (event) => {
  for (const one of rows()) one.classList.toggle("data-list__row--focus", one.contains(event.target));
});
const off = document.querySelector("#keys input");
if (off) {
  off.checked = Boolean(localStorage.getItem(OFF));
  off.addEventListener("change", () => (off.checked ? localStorage.setItem(OFF, "1") : localStorage.removeItem(OFF)));
}
arrived();
document.addEventListener("htmx:after:swap", arrived);
