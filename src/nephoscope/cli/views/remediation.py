"""Preview the remediation of a policy, patches of bodies or deployments, without applying it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import msgspec
from rich.text import Text

from nephoscope.cli.outputs.csv import escape_cell
from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.views.recommendation import choose_recommendation
from nephoscope.model.secret_redaction import redact_value
from nephoscope.posture.governance.effect_preview import preview_remediation
from nephoscope_policy.arm import ArmError
from nephoscope_policy.errors import PolicyError

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope.posture.reports.report import Report
    from nephoscope_policy import Preview


@dataclass(frozen=True, slots=True)
class RemediationPreview:
    """Preview of the remediation of one failing resource; `note` says why there is none."""

    resource: str
    policy: str
    preview: Preview | None
    note: str = ""


def preview_remediations(report: Report, wanted: str) -> Iterator[RemediationPreview]:
    """The change for every failing resource of a policy with effect modify, append or deployIfNotExists."""
    key = choose_recommendation(report, wanted).recommendation.key
    for row in report.findings():
        item = row.assessment
        if item.key != key:
            continue
        try:
            shown = preview_remediation(report.run, item)
        except (PolicyError, ArmError) as error:
            yield RemediationPreview(item.resource, key, None, f"cannot be shown: {error}")
            continue
        note = "" if shown else f"the effect {item.effect} changes nothing: see --show for manual steps"
        yield RemediationPreview(item.resource, key, shown, note)


def render(report: Report, wanted: str, out: TextIO) -> None:
    """Print the changes for a person."""
    console = create_console(out)
    found = list(preview_remediations(report, wanted))
    if not found:
        console.print("No failing resource.")
    for one in found:
        console.print(Text(f"\n{one.resource}", style="bold"))
        if one.preview is None:
            console.print(f"  {one.note}", markup=False)
        else:
            _print_preview(one.preview, console)


def render_json(report: Report, wanted: str, out: TextIO) -> None:
    """Write the changes as a JSON array: a patch or a deployment for each failing resource, or a note why there is none."""
    body = [_build_object(one) for one in preview_remediations(report, wanted)]
    out.write(_to_json(body) + "\n")


def _build_object(one: RemediationPreview) -> dict[str, object]:
    body: dict[str, object] = {"resource": one.resource, "policy": one.policy}
    if one.preview is None:
        return body | {"note": one.note}
    shown = one.preview
    parts = {
        "patch": list(shown.patch),
        "deployment": shown.deployment,
        "deploymentScope": shown.scope,
        "conflicts": list(shown.conflicts),
    }
    return body | {"effect": shown.effect} | {name: value for name, value in parts.items() if value}


def render_csv(report: Report, wanted: str, out: TextIO) -> None:
    """Write a row an operation of a patch, or a row a deployment."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("resource", "policy", "effect", "operation", "path", "value", "note"))
    for one in preview_remediations(report, wanted):
        effect = one.preview.effect if one.preview else ""
        for operation, path, value, note in _list_changes(one):
            writer.writerow(
                [
                    escape_cell(text)
                    for text in (one.resource, one.policy, effect, operation, path, value, note)
                ]
            )


def _list_changes(one: RemediationPreview) -> Iterator[tuple[str, str, str, str]]:
    if one.preview is None:
        yield "", "", "", one.note
        return
    for step in one.preview.patch:
        yield str(step["op"]), str(step["path"]), _encode_line(step["value"]) if "value" in step else "", ""
    if one.preview.deployment is not None:
        yield "deploy", one.preview.scope, _encode_line(one.preview.deployment), ""
    for conflict in one.preview.conflicts:
        yield "", "", "", f"conflict: {conflict}"


RENDERERS: dict[str, Callable[[Report, str, TextIO], None]] = {
    "table": render,
    "json": render_json,
    "csv": render_csv,
}


def _print_preview(shown: Preview, console: Console) -> None:
    for conflict in shown.conflicts:
        console.print(f"  conflict: {conflict}", markup=False)
    if shown.patch:
        console.print("  JSON patch (RFC 6902):")
        console.print(_to_json(list(shown.patch)), markup=False, soft_wrap=True)
    if shown.deployment is not None:
        console.print(f"  deployment to {shown.scope}:", markup=False)
        console.print(_to_json(shown.deployment), markup=False, soft_wrap=True)


def _encode_line(value: object) -> str:
    return msgspec.json.encode(redact_value(value)).decode()


def _to_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(redact_value(value)), indent=2).decode()
