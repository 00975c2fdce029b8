"""Tune web application firewalls: what rules fire on, false-positive candidates, and exclusions as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.protect.waf.exclusions import FalsePositive
    from nephoscope.protect.waf.rule_hits import RuleHit

MOST_ROWS = 20


@click.command("waf")
@click.option(
    "--days", type=click.IntRange(1, 90), default=14, show_default=True, help="Days of logs to read."
)
@click.option(
    "--exclusions",
    is_flag=True,
    help="Print the exclusions for `managedRules.exclusions` of the firewall policy.",
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="Output format."
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, days: int, exclusions: bool, output: str) -> None:
    """List the rules of application gateways' web application firewalls by what they match, and the hits that look like normal use:
    many addresses on several days, which match no rules of another kind. Review each one before you exclude it.
    """
    from nephoscope.cli.session.lake_access import open_lake
    from nephoscope.protect.waf.exclusions import find_false_positives
    from nephoscope.protect.waf.rule_hits import QUERY, read_hits

    with open_lake(data) as (lake, _):
        hits = read_hits(lake.rows(QUERY.format(days=days)))
    found = find_false_positives(hits)
    if exclusions:
        _print_json([one.exclusion for one in found if one.exclusion is not None])
    elif output == "json":
        _write_json(hits, found)
    else:
        _write_table(hits, found, days)


def _print_json(document: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _write_json(hits: list[RuleHit], found: list[FalsePositive]) -> None:
    import msgspec

    from nephoscope.protect.waf.rule_counts import count_rules

    document = {
        "schemaVersion": 1,
        "rules": msgspec.to_builtins(count_rules(hits)),
        "falsePositives": msgspec.to_builtins(found),
    }
    _print_json(document)


def _write_table(hits: list[RuleHit], found: list[FalsePositive], days: int) -> None:
    if not hits:
        click.echo(
            f"No hits of web application firewalls in {days} days, or no AGWFirewallLogs were ingested."
        )
        return
    from nephoscope.protect.waf.rule_counts import count_rules

    rules = count_rules(hits)
    for one in rules[:MOST_ROWS]:
        click.echo(
            f"{one.rule} {one.message}: {one.hits} hits, {one.blocked} blocked, {one.sources} addresses"
            + (f", on {', '.join(one.parts[:5])}" if one.parts else "")
        )
    if len(rules) > MOST_ROWS:
        click.echo(f"and {len(rules) - MOST_ROWS} more rules (-o json has all)")
    click.echo(f"\n{len(found)} of these look like normal use")
    for likely in found[:MOST_ROWS]:
        place = f"{likely.part or 'an unknown part'} of {likely.host}{likely.paths[0]}"
        click.echo(
            f"{likely.rule} on {place}: {likely.hits} hits from {likely.sources} addresses on {likely.days} days"
        )
