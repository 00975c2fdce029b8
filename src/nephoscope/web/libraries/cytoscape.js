// The graph of attack paths and of an incident.
export { default } from "cytoscape";
