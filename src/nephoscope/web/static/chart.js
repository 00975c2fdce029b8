// Charts over time: drawn by uPlot in the place of the server's drawing, which stays where there is no script.
import uPlot from "./vendor/uplot.js";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

for (const place of document.querySelectorAll(".chart[data-points]")) {
  const { kind, names, data } = JSON.parse(place.dataset.points);
  const label = place.querySelector("svg").getAttribute("aria-label");
  const utc = document.documentElement.dataset.zone !== "local";
  const axis = { stroke: style("--third"), grid: { stroke: style("--edge"), width: 1 }, ticks: { stroke: style("--edge"), width: 1 }, font: "12px sans-serif" };
  const colour = (at) => style(`--${["one", "two", "three", "four", "five", "six"][at]}`);
  const lines = names.map((name, at) => ({ label: name, stroke: colour(at), fill: kind === "area" ? `${colour(at)}33` : undefined, width: 1.75, spanGaps: false }));
  const host = document.createElement("div");
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", label);
  place.replaceChildren(host);
  const options = {
    width: place.clientWidth, height: 260, series: [{ label: utc ? "Time (UTC)" : "Time" }, ...lines], axes: [axis, { ...axis, size: 64 }],
    tzDate: (seconds) => (utc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
    cursor: { drag: { x: true, y: false } }, scales: { y: { range: (plot, low, high) => [Math.min(0, low), high === low ? high + 1 : high * 1.05] } },
  };
  const plot = new uPlot(options, data, host);
  new ResizeObserver(() => { if (host.clientWidth && host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height: 260 }); }).observe(place);
}
