"""Compare the rules for pipeline files with foreign expectations: `python tests/oracle/pipeline_cases.py DIR [-v] [--set NAME]`.

DIR has the shape of corpora/pipelines; each file of it is a set. A unit is a rule of the other tool and a file: it fires or not,
and where the other tool gives lines, on the same lines. Rules are matched by what ours say that they are equivalent to
(CodeRule.equivalents); a foreign rule without an equivalent is excluded, and listed. Ends with `N/M match`.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from pipeline_plans import plan_units

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.workflow.taint_analysis import is_untrusted
from nephoscope.posture.code.file_evaluation import assess_text
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region
from nephoscope.posture.code.rule_discovery import load_code_rules
from nephoscope.posture.code.rule_match import CodeOptions


class Unit(NamedTuple):
    """One comparison: which record and foreign rule, whether it agrees (None: excluded), and what to say."""

    record: str
    rule: str
    agrees: bool | None
    detail: str = ""


def equivalents(tool: str) -> dict[str, set[str]]:
    """Return the foreign rules of a tool -> ids of ours that mean the same."""
    found: dict[str, set[str]] = {}
    for rule in load_code_rules().values():
        for name in rule.equivalents:
            if name.startswith(tool + ":"):
                found.setdefault(name.partition(":")[2], set()).add(rule.id)
    return found


def assess(name: str, text: str, options: CodeOptions | None = None) -> list[CodeFinding]:
    """Judge a file; a file that cannot be read has no findings."""
    try:
        found = assess_text(name, text, options) or []
    except UnreadableFileError:
        return []
    return [finding for finding in found if finding.state is FindingState.FAILED]


def hadolint(record: dict[str, Any]) -> Iterator[Unit]:
    """A Dockerfile, and whether a rule fires on it."""
    ours = equivalents("hadolint").get(record["rule"])
    if not ours:
        yield Unit(record["id"], record["rule"], None, "no equivalent")
        return
    found = assess("Dockerfile", record["dockerfile"], _options(record.get("config") or ""))
    fires = any(finding.rule in ours for finding in found)
    yield Unit(
        record["id"], record["rule"], fires == record["fires"], f"fires {fires}: {record['dockerfile']!r}"
    )


def _options(config: str) -> CodeOptions:
    """Read the settings of a record, written in Haskell."""
    registries = re.search(r"allowedRegistries\s*=\s*\[([^\]]*)\]", config)
    labels = re.findall(r'\("(\w+)",\s*(?:Rule\.)?(\w+)\)', config)
    formats = {"rawtext": "text", "githash": "hash"}
    return CodeOptions(
        frozenset(re.findall(r'"([^"]+)"', registries[1])) if registries else frozenset(),
        {name: formats.get(form.lower(), form.lower()) for name, form in labels},
        "strictLabels = True" in config,
        optional=True,
    )


def zizmor(record: dict[str, Any]) -> Iterator[Unit]:
    """A workflow, and the lines on which audits fire."""
    known = equivalents("zizmor")
    persona = any("pedantic" in one or "auditor" in one for one in record["args"])
    found = assess(_workflow_path(record["path"]), record["text"], CodeOptions(optional=persona))
    for audit in sorted({record["audit"], *(one["audit"] for one in record["findings"])}):
        if record.get("needs_online"):
            yield Unit(record["id"], audit, None, "needs the network")
        elif audit not in known:
            yield Unit(record["id"], audit, None, "no equivalent")
        else:
            want = sorted({one["line"] for one in record["findings"] if one["audit"] == audit})
            yield _by_lines(record, audit, want, found, known[audit])


def _workflow_path(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    if name in ("action.yml", "action.yaml") or "dependabot" in path:
        return path if "dependabot" not in path else ".github/dependabot.yml"
    return f".github/workflows/{name}"


def _by_lines(
    record: dict[str, Any], rule: str, want: list[int], found: list[CodeFinding], ours: set[str]
) -> Unit:
    lines = sorted({finding.region.line for finding in found if finding.rule in ours})
    return Unit(record["id"], rule, lines == want, f"{record['path']}: lines {lines}, expected {want}")


def actionlint(record: dict[str, Any]) -> Iterator[Unit]:
    """A workflow, and the lines of kinds of errors; a file without findings must stay clean."""
    known = equivalents("actionlint")
    found = [
        _at_block(finding, record["text"])
        for finding in assess(_workflow_path(record["path"]), record["text"])
    ]
    seen: dict[str, set[int]] = {}
    for one in record["findings"]:
        if "line" not in one:
            yield Unit(record["id"], "raw", None, "the place is a pattern")
            continue
        kind = one["kind"]
        if kind == "expression":
            kind = "expression-untrusted" if "untrusted" in (one["message"] or "") else "expression-types"
        seen.setdefault(kind, set()).add(one["line"])
    for kind, lines in sorted(seen.items()):
        if kind in known:
            yield _by_lines(record, kind, sorted(lines), found, known[kind])
        else:
            yield Unit(record["id"], kind, None, "no equivalent")
    others = {rule for kind, rules in known.items() if kind not in seen for rule in rules}
    fired = sorted({f"{finding.rule}:{finding.region.line}" for finding in found if finding.rule in others})
    yield Unit(record["id"], "clean", not fired, f"{record['path']}: {fired}")


def _at_block(finding: CodeFinding, text: str) -> CodeFinding:
    """Move a finding inside of a YAML block to the line that opens the block: actionlint knows no other place of it."""
    lines = text.splitlines()
    number = finding.region.line
    indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
    for above in range(number - 1, 0, -1):
        line = lines[above - 1]
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            opens = re.search(r"[|>][-+0-9]*\s*(?:#.*)?$", line)
            return (
                msgspec.structs.replace(finding, region=Region(finding.region.file, above))
                if opens
                else finding
            )
    return finding


#: Tests of Scorecard -> the equivalents that they ask for, and the keys of what they count.
SCORECARD = {
    "TestGithubDangerousWorkflow": "DangerousWorkflow",
    "TestUntrustedContextVariables": "DangerousWorkflow",
    "TestGithubTokenPermissions": "TokenPermissions",
    "TestGithubWorkflowPinning": "PinnedActions",
    "TestNonGithubWorkflowPinning": "PinnedActions",
    "TestGithubWorkflowPkgManagerPinning": "PinnedDependencies",
    "TestDockerfilePinning": "PinnedImages",
    "TestDockerfilePinningFromLineNumber": "PinnedImages",
    "TestDockerfilePinningWithoutHash": "PinnedImages",
    "TestDockerfileScriptDownload": "PinnedDependencies",
    "TestShellScriptDownload": "PinnedDependencies",
    "TestShellScriptDownloadPinned": "PinnedDependencies",
    "TestGitHubWorkflowRunDownload": "PinnedDependencies",
}
_COUNTS = ("warns", "nb", "unpinned")


def scorecard(record: dict[str, Any]) -> Iterator[Unit]:
    """Files of a repository, and whether a check finds something in them."""
    name = SCORECARD.get(record["test"])
    expected = record["expected"].get("expected") or record["expected"]
    count = next((expected[key] for key in _COUNTS if key in expected), None)
    if name == "TokenPermissions":
        count = _token_permissions(expected)
    if name is None or count is None:
        yield Unit(record["id"], record["test"], None, "no count of findings, or no equivalent")
        return
    ours = equivalents("scorecard").get(name, set())
    findings = [
        finding
        for path, text in record["files"].items()
        if "/vendor/" not in path
        for finding in assess(path.rpartition("testdata/")[2] or path, text, CodeOptions(optional=True))
    ]
    fired = sorted({f"{one.rule}:{one.region.line}" for one in findings if one.rule in ours})
    yield Unit(
        record["id"], name, bool(fired) == bool(count), f"{record['case']}: {fired[:8]}, expected {count}"
    )


def _token_permissions(expected: dict[str, Any]) -> int | None:
    """Only what lowers the score is a finding: Scorecard warns of job-level writes and gives the full score."""
    if expected.get("Score") not in ("MinResultScore", "MaxResultScore"):
        return expected.get("NumberOfWarn")
    return int(expected["Score"] == "MinResultScore")


def poutine(record: dict[str, Any]) -> Iterator[Unit]:
    """A pipeline file, and the lines on which rules fire."""
    known = equivalents("poutine")
    found = assess(record["path"], record["text"], CodeOptions(optional=True))
    rules = {one["rule"] for one in record["findings"] if isinstance(one, dict) and one.get("rule")}
    for rule in sorted(rules):
        if rule not in known:
            yield Unit(record["id"], rule, None, "no equivalent")
            continue
        lines = sorted(
            {one["line"] for one in record["findings"] if one.get("rule") == rule and one.get("line")}
        )
        if lines:
            yield _by_lines(record, rule, lines, found, known[rule])
        else:
            fires = any(finding.rule in known[rule] for finding in found)
            yield Unit(record["id"], rule, fires, f"{record['path']}: does not fire")
    if not rules:
        ours = {rule for ids in known.values() for rule in ids}
        fired = sorted({f"{one.rule}:{one.region.line}" for one in found if one.rule in ours})
        yield Unit(record["id"], "clean", not fired, f"{record['path']}: {fired}")


def untrusted(record: dict[str, Any]) -> Iterator[Unit]:
    """An expression, and whether others than the repository's own people write its value."""
    answer = is_untrusted(record["expression"])
    yield Unit(record["id"], "untrusted", answer == record["untrusted"], f"{record['expression']}: {answer}")


def terraform(record: dict[str, Any]) -> Iterator[Unit]:
    """A plan, and verdicts of resources."""
    for rule, agrees, detail in plan_units(record, record["folder"].parent / "azure-policy"):
        yield Unit(record["id"], rule, agrees, detail)


SETS: dict[str, Callable[[dict[str, Any]], Iterator[Unit]]] = {
    "dockerfile_hadolint": hadolint,
    "github_zizmor": zizmor,
    "github_actionlint": actionlint,
    "scorecard_files": scorecard,
    "poutine": poutine,
    "terraform_plans": terraform,
    "untrusted_expressions": untrusted,
}


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Give the records of a set."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    yield from ({**json.loads(line), "folder": path.parent} for line in content.splitlines() if line)


def main(arguments: list[str]) -> int:
    """Print a line a set, what disagrees with -v, what is excluded and why, and the sum."""
    verbose = "-v" in arguments
    only = arguments[arguments.index("--set") + 1] if "--set" in arguments else ""
    folder = Path(arguments[0])
    matched, total, excluded, read = 0, 0, Counter[str](), 0
    for path in sorted(folder.glob("*.jsonl*")):
        name = path.name.partition(".")[0]
        if name not in SETS or only not in ("", name):
            print(f"{path.name}: not judged here") if not only else None
            continue
        units = [unit for record in records(path) for unit in SETS[name](record)]
        judged = [unit for unit in units if unit.agrees is not None]
        excluded.update(f"{name}: {unit.rule}: {unit.detail}" for unit in units if unit.agrees is None)
        right = sum(bool(unit.agrees) for unit in judged)
        print(
            f"{name:24} {right:5}/{len(judged):<5} {100 * right / max(len(judged), 1):5.1f}%  excluded {len(units) - len(judged)}"
        )
        for unit in judged if verbose else ():
            if not unit.agrees:
                print(f"  {unit.record} {unit.rule}: {unit.detail[:400]}")
        matched, total, read = matched + right, total + len(judged), read + 1
    for reason, count in sorted(excluded.items()):
        print(f"excluded {count:3} {reason}")
    if not read:
        print(f"no set of pipeline files in {folder}", file=sys.stderr)
        return 2
    print(f"{matched}/{total} match")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
