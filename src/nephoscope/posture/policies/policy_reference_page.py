"""The reference page of the own policies, made from the shipped pack (docs/reference/policies.md)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nephoscope.content.loader import load_documents
from nephoscope_policy import Definition
from nephoscope_policy.model.state import Severity

BENCHMARK = "Azure_Security_Benchmark_v3.0_"
HEAD = """# Policies

Generated from the pack by `make docs`. The pack is one folder of data: `src/nephoscope/content/policies/<Category>/<name>.json`
is a policy definition in the Azure Policy language, `<name>.test.json` beside it holds the bodies that prove it. `nephoscope content
list` prints ids, `content show ID` a policy with its remediation, `content test DIR` runs the test bodies of any folder.

## How a policy describes itself

`properties.metadata.nephoscope` makes a definition a recommendation. It is optional in your own
policies; where it is present, all of it is checked.

| key | value |
|---|---|
| `severity` | High, Medium, Low, Critical or Informational |
| `finding` | optional: what a scanner found, `Secrets found on {count} machines`; `{count}` becomes `1 of 21` |
| `remediation.steps` | sentences, in order |
| `remediation.az` | a command that begins with `az `; `<resource-id>` and other words in angle brackets are yours to fill in |
| `remediation.bicep` | a Bicep fragment with the setting as it should be |
| `tactics`, `techniques` | MITRE ATT&CK: `InitialAccess`, `T1190`, `T1021.001` |
| `controls` | groups of the Microsoft cloud security benchmark, `Azure_Security_Benchmark_v3.0_NS-1` |
| `scoreControl` | the secure score control, or null for none |
| `sameAs` | built-ins that ask the same: `policy` is a GUID, `difference` null where both agree everywhere, else why they do not |

## How a test file looks

`{"cases": [...]}`; each case has a `note`, a `resource` (an ARM body with its id), the state it `want`s, and, where needed,
`related` bodies, `parameters` and `because`, the end of the JSON path of a condition that must be among the reasons. A file
needs a compliant, a non-compliant and a not-applicable body, and one that lacks the property.
Both engines run each case and must agree.
"""


@dataclass(frozen=True, slots=True)
class _PolicyEntry:
    name: str
    category: str
    definition: Definition

    @property
    def properties_section(self) -> dict[str, Any]:
        """The section that describes the policy."""
        found = self.definition.metadata["nephoscope"]
        if not isinstance(found, dict):
            raise TypeError(f"{self.name}: metadata.nephoscope is not an object")
        return found

    @property
    def controls(self) -> list[str]:
        """Benchmark controls without their prefix."""
        return [control.removeprefix(BENCHMARK) for control in self.properties_section["controls"]]


def render_page() -> str:
    """The page as Markdown; raises ContentError or PolicyError where the pack itself is broken."""
    entries = sorted(_list_entries(), key=lambda entry: (entry.category, entry.name))
    lines = [HEAD, *_list_sums(entries)]
    for category, members in groupby(entries, key=lambda entry: entry.category):
        lines += [
            "",
            f"## {category}",
            "",
            "| policy | what it wants | severity | controls | score control | built-in |",
        ]
        lines.append("|---|---|---|---|---|---|")
        lines += [_build_row(entry) for entry in members]
    lines += ["", "## Where an own policy differs from a built-in", ""]
    lines += _list_differences(entries)
    return "\n".join(lines) + "\n"


def _list_entries() -> list[_PolicyEntry]:
    return [
        _PolicyEntry(document.name.removesuffix(".json"), document.place.file.split("/")[-2], definition)
        for document in load_documents(kind="policies")
        for definition in (Definition.parse(document.json(), document.place),)
    ]


def _list_sums(entries: list[_PolicyEntry]) -> list[str]:
    severities = Counter(str(entry.properties_section["severity"]) for entry in entries)
    controls = {control for entry in entries for control in entry.controls}
    same = [one for entry in entries for one in entry.properties_section["sameAs"]]
    exact = sum(one["difference"] is None for one in same)
    by_severity = ", ".join(
        f"{severities[level]} {level.value}" for level in reversed(Severity) if severities[level]
    )
    return [
        "## How many",
        "",
        f"{len(entries)} policies ({by_severity}) serve {len(controls)} controls. "
        f"{len(same)} times a built-in asks the same: "
        f"{exact} times both agree everywhere (`tests/oracle/own_pack.py` measures it), "
        f"{len(same) - exact} times the difference is argued below.",
    ]


def _build_row(entry: _PolicyEntry) -> str:
    about = entry.properties_section
    builtins = ", ".join(
        f"`{one['policy'].split('-')[0]}`" + ("" if one["difference"] is None else " (differs)")
        for one in about["sameAs"]
    )
    cells = [
        f"`{entry.name}`",
        f"**{_escape_cell(entry.definition.display_name)}.** {_escape_cell(entry.definition.description)}",
        about["severity"],
        ", ".join(entry.controls),
        about["scoreControl"] or "none",
        builtins,
    ]
    return f"| {' | '.join(cells)} |"


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _list_differences(entries: list[_PolicyEntry]) -> list[str]:
    return [
        f"- `{entry.name}` and `{one['policy']}`: {_escape_cell(one['difference'])}"
        for entry in entries
        for one in entry.properties_section["sameAs"]
        if one["difference"] is not None
    ]
