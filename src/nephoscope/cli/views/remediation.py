"""What the remediation of a policy would change: patches of bodies, or deployments; shown and never done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from rich.text import Text

from nephoscope.arm import ArmError
from nephoscope.cli.outputs.table import console_of
from nephoscope.cli.views.recommendation import choose
from nephoscope.model.secret import redact
from nephoscope.policy.errors import PolicyError
from nephoscope.posture.preview import preview

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope.policy import Preview
    from nephoscope.posture.report import Report


def render(report: Report, wanted: str, out: TextIO) -> None:
    """Print the change for every failing resource of a policy with effect modify, append or deployIfNotExists."""
    console = console_of(out)
    key = choose(report, wanted).recommendation.key
    rows = [row for row in report.findings() if row.assessment.key == key]
    if not rows:
        console.print("No failing resource.")
    for row in rows:
        console.print(Text(f"\n{row.assessment.resource}", style="bold"))
        try:
            shown = preview(report.run, row.assessment)
        except (PolicyError, ArmError) as error:
            console.print(f"  cannot be shown: {error}", markup=False)
            continue
        if shown is None:
            console.print(
                f"  the effect {row.assessment.effect} changes nothing: see --show for what to do",
                markup=False,
            )
        else:
            _shown(shown, console)


def _shown(shown: Preview, console: Console) -> None:
    for conflict in shown.conflicts:
        console.print(f"  conflict: {conflict}", markup=False)
    if shown.patch:
        console.print("  JSON patch (RFC 6902):")
        console.print(_text(list(shown.patch)), markup=False, soft_wrap=True)
    if shown.deployment is not None:
        console.print(f"  deployment to {shown.scope}:", markup=False)
        console.print(_text(shown.deployment), markup=False, soft_wrap=True)


def _text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(redact(value)), indent=2).decode()
