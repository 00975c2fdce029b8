// Charts over time: drawn by uPlot in the place of the server's drawing, which stays where there is no script.
import { color } from "./theme.js";
import uPlot from "./vendor/uplot.js";

// Times as the tables write them: of days the date, else the hour, with the date where it changes.
const two = (number) => String(number).padStart(2, "0");
const dateOf = (when) => `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
const hourOf = (when, step) => `${two(when.getHours())}:${two(when.getMinutes())}${step < 60 ? `:${two(when.getSeconds())}` : ""}`;
function labels(splits, step, moment) {
  let last = "";
  return splits.map((seconds) => {
    const when = moment(seconds);
    const date = dateOf(when);
    const fresh = date !== last;
    last = date;
    if (step >= 86400) return date;
    return fresh ? `${hourOf(when, step)}\n${date}` : hourOf(when, step);
  });
}

// An axis is never empty.
const reach = (low, high) => [low, high > low ? high : low + 1];

for (const place of document.querySelectorAll(".chart[data-points]")) {
  const { kind, names, data, legend, low: least, high: most } = JSON.parse(place.dataset.points);
  const label = place.querySelector("svg").getAttribute("aria-label");
  const utc = document.documentElement.dataset.zone !== "local";
  const moment = (seconds) => (utc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000));
  const axis = { stroke: color("ink-3"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 }, font: "12px sans-serif" };
  const colour = (at) => color(`series-${at + 1}`);
  const lines = names.map((name, at) => ({ label: name, stroke: colour(at), fill: kind === "area" ? colour(at).replace(/^rgb\((.*)\)$/, "rgba($1, .2)") : undefined, width: 1.75, spanGaps: false }));
  const host = document.createElement("div");
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", label);
  place.replaceChildren(host);
  const options = {
    width: place.clientWidth, height: 260, axes: [{ ...axis, space: 84, values: (plot, splits, at, space, step) => labels(splits, step, moment) }, { ...axis, size: 64 }],
    series: [{ label: utc ? "Time (UTC)" : "Time", value: (plot, seconds) => (seconds === null ? "–" : `${dateOf(moment(seconds))} ${hourOf(moment(seconds), 1)}`) }, ...lines],
    tzDate: moment,
    legend: { show: legend }, cursor: { drag: { x: true, y: false } }, scales: { y: { range: (plot, low, high) => reach(least ?? Math.min(0, low), most ?? (high > 0 ? high * 1.05 : 0)) } },
  };
  const plot = new uPlot(options, data, host);
  new ResizeObserver(() => { if (host.clientWidth && host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height: 260 }); }).observe(place);
}
