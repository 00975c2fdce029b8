"""The commands of exemptions from vulnerabilities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.listing import list_options

if TYPE_CHECKING:
    from pathlib import Path

EXEMPTION_COLUMNS = (
    "name", "vulnerability", "package", "image", "scope", "category", "until", "state", "reason"
)  # fmt: skip
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"])


@click.command("exempt")
@click.option("--cve", "vulnerability", default="", metavar="ID", help="Exempt from this vulnerability.")
@click.option("--package", default="", metavar="NAME", help="Exempt from vulnerabilities of this package.")
@click.option(
    "--image",
    default="",
    metavar="IMAGE",
    help="Limit to this image: a repository, a tag, or a digest.",
)
@click.option(
    "--scope",
    default="/",
    show_default=True,
    metavar="ID",
    help="Limit to this scope: a resource, a group, a subscription, /tenants/ID.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Reason.")
@click.option(
    "--category",
    type=click.Choice(("Waiver", "Mitigated")),
    default="Waiver",
    show_default=True,
    help="Exemption category: risk accepted (waiver) or mitigated.",
)
@click.option("--until", type=_TIME, metavar="TIME", help="Expiry date (default: never).")
@click.pass_obj
def exempt(data: Path, /, scope: str, until: datetime | None, **given: str) -> None:
    """Exempt a vulnerability, a package or an image. Exempted findings are hidden from lists and do not
    affect recommendations.
    """
    from nephoscope.cli.session.services import acting
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.service.exemption_lookup import VulnerabilityExemption
    from nephoscope.service.vulnerability_exemptions import exempt
    from nephoscope.service.vulnerability_facts import publish_findings
    from nephoscope.state import StateError

    wanted = VulnerabilityExemption(
        scope.lower().rstrip("/") or "/", expires=until.replace(tzinfo=UTC) if until else None, **given
    )  # fmt: skip
    try:
        with acting(data, keeps=True) as context:
            made = exempt(context, wanted)
            publish_findings(context)
    except StateError as error:
        usage_error(str(error))
    click.echo(f"exempted: {made.name}")


@click.command("exemptions")
@list_options
@click.pass_obj
def exemptions(data: Path, /, output: str) -> None:
    """List exemptions, including expired ones."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.cli.session.services import acting
    from nephoscope.service.exemption_lookup import vulnerability_exemptions

    with acting(data) as context:
        rows = [
            {
                "name": one.name, "vulnerability": one.vulnerability, "package": one.package, "image": one.image, "scope": one.scope,
                "category": one.category, "reason": one.reason, "until": one.expires, "author": one.author,
                "state": "in force" if one.holds(context.now) else "expired",
            }
            for one in vulnerability_exemptions(context)
        ]  # fmt: skip
    show_list(rows, EXEMPTION_COLUMNS, output, "nothing is exempted")


@click.command("unexempt")
@click.argument("name")
@click.pass_obj
def unexempt(data: Path, /, name: str) -> None:
    """End the exemption NAME."""
    from nephoscope.cli.session.services import acting
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.service.vulnerability_exemptions import end_vulnerability_exemption
    from nephoscope.service.vulnerability_facts import publish_findings
    from nephoscope.state import StateError

    try:
        with acting(data, keeps=True) as context:
            end_vulnerability_exemption(context, name)
            publish_findings(context)
    except StateError as error:
        usage_error(str(error))
