// Runs nephoscope over a change in Azure Pipelines: inputs become options, its annotations go to the log, its SARIF to the Scans tab.
"use strict";

const fs = require("fs");
const path = require("path");
const { spawnSync } = require("child_process");

const OUTCOMES = {
  1: "findings at or above the threshold",
  2: "the task is not set up as it must be: see the log",
  3: "something could not be judged: see the log",
  4: "nothing was assessed: no template, workflow or Dockerfile is in the target",
};

// The agent hands inputs over in upper case, with spaces as underscores.
function input(name, otherwise) {
  return (process.env[`INPUT_${name.toUpperCase()}`] || "").trim() || otherwise;
}

function variable(name) {
  return process.env[name.replace(/\./g, "_").toUpperCase()] || "";
}

// A logging command: what stands in it must not end it or begin another.
function command(name, properties, message) {
  const escape = (text) => text.replace(/%/g, "%AZP25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
  const property = ([key, value]) => `${key}=${escape(value).replace(/]/g, "%5D").replace(/;/g, "%3B")};`;
  console.log(`##vso[${name} ${Object.entries(properties).map(property).join("")}]${escape(message)}`);
}

function complete(result, message) {
  command("task.complete", { result }, message);
}

function nephoscope(data, words) {
  const done = spawnSync("nephoscope", ["--data", data, ...words], { stdio: ["ignore", "inherit", "inherit"] });
  if (done.error) {
    const missing = done.error.code === "ENOENT";
    throw new Error(missing ? "nephoscope is not installed: install it in a step before" : done.error.message);
  }
  return done.status === null ? 2 : done.status;
}

function options(sarif, json) {
  const found = ["-o", "azuredevops", "--fail-on", input("failOn", "High"), "--report", `sarif=${sarif}`, "--report", `json=${json}`];
  const base = variable("System.PullRequest.TargetBranch");
  if (base) found.push("--since", `origin/${base.replace(/^refs\/heads\//, "")}`);
  const scope = input("deployTo", "");
  if (scope) found.push("--deploy-to", scope);
  for (const line of input("results", "").split(/\r?\n/)) {
    if (line.trim()) found.push("--results", line.trim());
  }
  return found;
}

function main() {
  const temporary = variable("Agent.TempDirectory") || fs.mkdtempSync(path.join(require("os").tmpdir(), "nephoscope-"));
  const data = path.join(temporary, "nephoscope");
  const logs = path.join(temporary, "CodeAnalysisLogs");
  fs.mkdirSync(logs, { recursive: true });
  const sarif = path.join(logs, "nephoscope.sarif");
  const json = path.join(temporary, "nephoscope.json");
  const status = nephoscope(data, ["scan", ...options(sarif, json), "--", input("target", ".")]);
  if (fs.existsSync(sarif)) {
    command("artifact.upload", { containerfolder: "CodeAnalysisLogs", artifactname: "CodeAnalysisLogs" }, sarif);
  }
  const server = input("server", "");
  if (server && fs.existsSync(json) && nephoscope(data, ["pipelines", "send", json, "--server", server]) !== 0) {
    complete("Failed", "the results were not sent: see the log");
  } else if (status === 0) {
    complete("Succeeded", "no finding at or above the threshold");
  } else {
    complete("Failed", OUTCOMES[status] || `nephoscope ended with code ${status}`);
  }
}

try {
  main();
} catch (error) {
  complete("Failed", error.message);
}
