// The graph of an attack path, drawn by Cytoscape; the steps below it say the same without a script.
import { color } from "./theme.js";
import cytoscape from "./vendor/cytoscape.js";

const place = document.querySelector("[data-graph]");
const { nodes, edges } = JSON.parse(place.dataset.graph);
const host = document.createElement("div");
host.className = "graph__drawing";
host.setAttribute("role", "img");
host.setAttribute("aria-label", nodes.map((one) => one.name).join(", then "));
place.append(host);

const narrow = () => host.clientWidth < 560;
const apart = () => Math.max(120, Math.min(230, (host.clientWidth - 150) / Math.max(1, nodes.length - 1)));
const spot = (at) => (narrow() ? { x: 0, y: at * 120 } : { x: at * apart(), y: 0 });
const shown = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const shapes = { entry: "round-rectangle", target: "octagon" };

function style() {
  const font = getComputedStyle(document.body).fontFamily;
  return [
    { selector: "node", style: {
      label: "data(label)", shape: "data(shape)", width: 46, height: 46, "background-color": color("surface"), "border-width": 2, "border-color": color("line-strong"),
      color: color("ink"), "font-size": 13, "font-family": font, "text-wrap": "wrap", "text-max-width": 130, "text-valign": "bottom", "text-margin-y": 6 } },
    { selector: "node[?weak]", style: { "border-color": color("severity-high"), "background-color": color("severity-high-soft") } },
    { selector: "node[role = 'target']", style: { "border-color": color("severity-critical"), "background-color": color("severity-critical-soft"), "border-width": 3 } },
    { selector: "edge", style: {
      label: "data(title)", width: 1.75, "line-color": color("line-strong"), "target-arrow-color": color("line-strong"), "target-arrow-shape": "triangle", "curve-style": "bezier",
      color: color("ink-2"), "font-size": 11.5, "font-family": font, "text-wrap": "wrap", "text-max-width": 84, "text-background-color": color("bg"), "text-background-opacity": 1, "text-background-padding": 2 } },
    { selector: "node.beside", style: { "text-valign": "center", "text-halign": "right", "text-margin-x": 10, "text-margin-y": 0, "text-justification": "left" } },
    { selector: "edge.beside", style: { "text-margin-x": 4 } },
  ];
}

const drawing = cytoscape({
  container: host,
  elements: [
    ...nodes.map((one, at) => ({ data: { ...one, label: `${shown(one.name, 48)}\n${one.kind}`, shape: shapes[one.role] ?? "ellipse" }, position: spot(at) })),
    ...edges.map((one, at) => ({ data: { ...one, id: `edge ${at}` } })),
  ],
  style: style(), layout: { name: "preset" }, minZoom: 0.3, maxZoom: 1.6, userZoomingEnabled: false, boxSelectionEnabled: false, autounselectify: true,
});

function place_() {
  host.style.height = `${narrow() ? 60 + nodes.length * 110 : 320}px`;
  drawing.elements()[narrow() ? "addClass" : "removeClass"]("beside");
  nodes.forEach((one, at) => drawing.getElementById(one.id).position(spot(at)));
  drawing.resize();
  drawing.fit(undefined, 28);
  if (drawing.zoom() > 1.2) { drawing.zoom(1.2); drawing.center(); }
}
place_();
new ResizeObserver(place_).observe(host);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawing.style(style()));
