// Microsoft's analyzer of KQL (npm @kusto/language-service-next): one JSON text, a query, in a line; one JSON object out a line:
// {"columns": [[name, type], ...], "errors": [[start, message], ...]} or {"failed": why} where the analyzer falls over. The
// argument is the package's folder.
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const vm = require("vm");

for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  const file = path.join(process.argv[2], name);
  vm.runInThisContext(fs.readFileSync(file, "utf8"), { filename: file });
}
const { KustoCode, GlobalState } = globalThis.Kusto.Language;

function listed(list, made) {
  return list ? Array.from({ length: list.Count }, (_, at) => made(list.getItem(at))) : [];
}

function analyzed(query) {
  const code = KustoCode.ParseAndAnalyze(query, GlobalState.Default);
  const errors = listed(code.GetDiagnostics(), (one) => one).filter((one) => one.Severity === "Error");
  return {
    columns: listed(code.ResultType && code.ResultType.Columns, (one) => [one.Name, one.Type.Name]),
    errors: errors.map((one) => [one.Start, one.Message]),
  };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answer;
  try {
    answer = analyzed(JSON.parse(line));
  } catch (error) {
    answer = { failed: String(error.message || error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
