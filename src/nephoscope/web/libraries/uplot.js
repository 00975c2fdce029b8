// Charts over time in the logs.
export { default } from "uplot";
