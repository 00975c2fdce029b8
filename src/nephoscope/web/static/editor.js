// The query editor: stands in the place of the text area, which stays the form's field.
import {
  EditorState, EditorView, HighlightStyle, Prec, StreamLanguage, autocompletion, bracketMatching, closeBrackets, closeBracketsKeymap,
  completionKeymap, defaultKeymap, drawSelection, highlightActiveLine, history, historyKeymap, keymap, lineNumbers, lintKeymap, linter,
  placeholder, setDiagnostics, syntaxHighlighting, tags,
} from "./vendor/codemirror.js";

const field = document.getElementById("query");
const form = field.form;

// The server counts characters, the browser UTF-16 units.
const units = (text, characters) => Array.from(text).slice(0, characters).join("").length;
const characters = (text, unit) => Array.from(text.slice(0, unit)).length;

async function asked(what, more) {
  const body = new URLSearchParams({ workspace: form.elements.workspace.value, ...more });
  const answer = await fetch(`/logs/editor/${what}${location.search.includes("scope=") ? location.search : ""}`, { method: "POST", body });
  return answer.ok ? answer.json() : {};
}

function diagnostics(text, faults) {
  return faults.map((one) => {
    let from = Math.min(units(text, one.from), text.length);
    let to = Math.max(units(text, one.to), from);
    if (from === to) (to < text.length ? (to += 1) : (from = Math.max(from - 1, 0)));
    return { from, to, severity: "error", message: one.hint ? `${one.message} (${one.hint})` : one.message };
  });
}

async function complete(context) {
  const text = context.state.doc.toString();
  const word = context.matchBefore(/[\w-]*/);
  const opens = context.explicit || word.text || /[|,(]\s?$|\bby\s$/.test(text.slice(0, context.pos));
  if (!opens) return null;
  const found = await asked("complete", { query: text, position: characters(text, context.pos) });
  const types = { operator: "keyword", statement: "keyword", clause: "keyword", column: "property", table: "class", aggregate: "function" };
  const options = (found.items ?? []).map((one) => ({ label: one.label, type: types[one.kind] ?? one.kind, detail: one.detail.slice(0, 60) }));
  const dash = /\w-\w*$/.test(word.text) && options.some((one) => one.label.includes("-"));
  return { from: dash ? word.from : context.pos - /\w*$/.exec(word.text)[0].length, options, validFor: /^[\w-]*$/ };
}

const check = linter(async (view) => {
  const text = view.state.doc.toString();
  if (!text.trim()) return [];
  const found = await asked("check", { query: text });
  return view.state.doc.toString() === text ? diagnostics(text, found.faults ?? []) : [];
}, { delay: 700 });

const WORDS = new Set(("where extend project summarize by join on kind let take top order sort asc desc union distinct count render parse parse-kv "
  + "mv-expand mv-apply make-series evaluate search find range print datatable externaldata macro-expand lookup limit sample project-away project-rename "
  + "project-keep project-reorder in has contains startswith endswith matches regex and or not between has_any has_all true false null").split(" "));
const kql = StreamLanguage.define({
  token(stream) {
    if (stream.match("//")) { stream.skipToEnd(); return "comment"; }
    if (stream.match(/^[@hH]{0,2}"(\\.|[^"\\])*"?/) || stream.match(/^[@hH]{0,2}'(\\.|[^'\\])*'?/)) return "string";
    if (stream.match(/^\d[\w.]*/)) return "number";
    const word = stream.match(/^[A-Za-z_$][\w-]*/);
    if (word) return WORDS.has(word[0].toLowerCase()) ? "keyword" : stream.peek() === "(" ? "variableName.function" : "variableName";
    stream.next();
    return null;
  },
  languageData: { commentTokens: { line: "//" }, closeBrackets: { brackets: ["(", "[", "{", "'", '"'] } },
});
const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: tags.string, color: "var(--state-pass)" },
  { tag: tags.number, color: "var(--severity-medium)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
  { tag: tags.function(tags.variableName), color: "var(--severity-low)" },
]);

function run() {
  form.requestSubmit();
  return true;
}

const view = new EditorView({
  doc: field.value,
  extensions: [
    EditorView.cspNonce.of(field.dataset.nonce),
    Prec.highest(keymap.of([{ key: "Mod-Enter", run }, { key: "Shift-Enter", run }])),
    lineNumbers(), history(), drawSelection(), highlightActiveLine(), bracketMatching(), closeBrackets(), kql, syntaxHighlighting(colours),
    autocompletion({ override: [complete], maxRenderedOptions: 80 }), check, placeholder(field.placeholder), EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": "Query", spellcheck: "false" }),
    EditorView.updateListener.of((update) => { if (update.docChanged) field.value = update.state.doc.toString(); }),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
  ],
});
field.hidden = true;
document.getElementById("keys").hidden = false;
field.before(view.dom);
document.querySelector("label[for=query]").hidden = true;
const faults = JSON.parse(field.dataset.faults);
if (faults.length) view.dispatch(setDiagnostics(view.state, diagnostics(field.value, faults)));

// A column of the schema goes where the caret is.
for (const one of document.querySelectorAll("[data-insert]")) {
  one.addEventListener("dblclick", () => {
    view.dispatch(view.state.replaceSelection(one.dataset.insert));
    view.focus();
  });
}
