"""Suppressions of alerts, as they are created, listed, shown, changed and ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import UNSET, UnsetType

from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import Row
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text
from nephoscope.operations.detection.tuning import OfRules, find_rule
from nephoscope.state.rules.suppressions import ANY_RULE

if TYPE_CHECKING:
    from nephoscope.alerts.tuning.alert_history import PastAlert
    from nephoscope.service.suppressions import NewSuppression

OPERATIONS = OperationGroup(
    "suppressions",
    "Suppressions",
    "A suppression",
    "Manage alert suppressions: suppressed alerts are stored as dismissed, and counted.",
)
READ, WRITE, DELETE = (
    f"Microsoft.Security/alertsSuppressionRules/{one}" for one in ("read", "write", "delete")
)


class SuppressionChange(InWorkspace, frozen=True, kw_only=True):
    """Changes of a suppression; what is left out stays."""

    enabled: (
        Annotated[bool, describe("Enable or disable the suppression.", option="--enable/--disable")]
        | UnsetType
    ) = UNSET
    expires: Annotated[datetime, describe("New expiry.", metavar="TIME")] | UnsetType = UNSET
    comment: Annotated[Text, describe("New comment.", metavar="TEXT")] | UnsetType = UNSET


class WantedSuppression(OfRules, frozen=True, kw_only=True):
    """A suppression to create, by its conditions or as a document of Azure."""

    rule: Annotated[
        Text, describe("Rule whose alerts are suppressed ('*' = any rule).", metavar="ID|NAME")
    ] = ""
    folders: Annotated[
        tuple[Path, ...],
        describe(
            "Folder of the rule (default: the shipped rules).", option="--rules", metavar="DIR", path="any"
        ),
    ] = ()
    entities: Annotated[
        tuple[Text, ...],
        describe(
            "Condition: ip.address=203.0.113.0/24, account.fullName=scan@contoso.com; with several values, any of them.",
            option="--entity", metavar="FIELD=VALUE[,VALUE]",
        ),
    ] = ()  # fmt: skip
    parts: Annotated[
        tuple[Text, ...],
        describe(
            "Substring condition: process.commandLine=backup.ps1", option="--contains", metavar="FIELD=TEXT"
        ),
    ] = ()
    aliases: Annotated[
        tuple[Text, ...],
        describe(
            "Watchlist condition: ip.address=Scanners, the items of a watchlist when a rule runs.", option="--watchlist",
            metavar="FIELD=ALIAS",
        ),
    ] = ()  # fmt: skip
    details: Annotated[
        tuple[Text, ...],
        describe("Condition on a custom detail.", option="--detail", metavar="NAME=VALUE[,VALUE]"),
    ] = ()
    amounts: Annotated[
        tuple[Text, ...],
        describe(
            "Numeric condition on a custom detail: Requests=40", option="--at-most", metavar="NAME=NUMBER"
        ),
    ] = ()
    file: (
        Annotated[
            Path, describe("Azure alertsSuppressionRules document, instead of conditions.", metavar="FILE", path="file")
        ]
        | None
    ) = None  # fmt: skip
    reason: Annotated[Literal["FalsePositive", "BenignPositive", "Other"], describe("Reason.")] = "Other"
    comment: Annotated[Text, describe("Comment.", metavar="TEXT")] = ""
    expires: Annotated[datetime, describe("Expiry (default: 90 days from now).", metavar="TIME")] | None = (
        None
    )
    forever: Annotated[bool, describe("Never expire.")] = False
    days: Annotated[int, describe("Days of history to check.", ge=1, le=366)] = 90
    dry_run: Annotated[bool, describe("Only show the alerts that it would have suppressed.")] = False
    forced: Annotated[
        bool,
        describe("Create the suppression although it would have hidden a true positive.", option="--yes"),
    ] = False

    def conditions(self) -> Iterator[dict[str, object]]:
        """Yield the conditions as documents."""
        for texts, prefix, operator in (
            (self.entities, "entities.", "in"), (self.details, "details.", "in"), (self.amounts, "details.", "atMost"),
            (self.parts, "entities.", "contains"), (self.aliases, "entities.", "inWatchlist"),
        ):  # fmt: skip
            for text in texts:
                field, _, value = text.partition("=")
                several = [one.strip() for one in value.split(",") if one.strip()]
                yield {"field": prefix + field, operator: several if operator == "in" else value}


@dataclass(frozen=True, slots=True)
class SuppressionPreview:
    """Alerts that a suppression would have held back, the number of true positives among them, and the outcome in words."""

    found: list[PastAlert]
    true: int
    outcome: str
    failed: bool

    def rows(self) -> list[Row]:
        """Return the alerts as they are listed."""
        return [
            {
                "ended": one.alert.ended, "severity": one.alert.severity, "name": one.alert.document["AlertName"],
                "verdict": one.verdict, "incident": one.alert.incident, "id": one.id,
            }
            for one in self.found
        ]  # fmt: skip


@OPERATIONS.operation(
    WRITE,
    command=CommandLine(
        "create", columns=("ended", "severity", "name", "verdict", "incident", "id"), rows=SuppressionPreview.rows,
        notes=lambda done: [done.outcome], failed=lambda done: done.failed,
    ),
    needs_lake=True,
)  # fmt: skip
def create_suppression(call: OperationCall, name: Text, body: WantedSuppression) -> SuppressionPreview:
    """Create the suppression NAME, and list recent alerts that it would have suppressed. Exits 1 without a
    change if one of them is a true positive, unless --yes is given.
    """
    from nephoscope.service.suppressions import create_suppression, preview_suppression

    if body.forever and body.expires:
        raise RefusedRequestError("--forever and --expires are mutually exclusive", "expires")
    given, own, now = _read_suppression(name, body), call.workspace(body.workspace), call.service.now
    if given.rule != ANY_RULE:
        given = replace(given, rule=find_rule(call, body, given.rule).id)
    found = preview_suppression(call.service, call.lake, own, given, now - timedelta(days=body.days))
    true = sum(one.verdict == "TruePositive" for one in found)
    made = not body.dry_run and (not true or body.forced)
    if made:
        expires = None if body.forever else body.expires or given.expires or now + timedelta(days=90)
        create_suppression(call.service, own, replace(given, expires=expires))
    refused = "" if body.dry_run else "; not created: use --yes to create it"
    counts = (
        f"would have suppressed {len(found):,} alerts of {body.days} days, {true:,} of them true positives"
    )
    return SuppressionPreview(
        found, true, counts + ("; made" if made else refused), failed=bool(true) and not body.forced
    )


def _read_suppression(name: str, asked: WantedSuppression) -> NewSuppression:
    """Return what is to be suppressed: from the conditions, or from a document of Azure's."""
    from nephoscope.alerts.suppression.condition import ConditionError, parse_conditions
    from nephoscope.alerts.tuning.azure_suppression_rule import DocumentError, read
    from nephoscope.service.suppressions import NewSuppression

    given = list(asked.conditions())
    if asked.file:
        if given or asked.rule:
            raise RefusedRequestError(
                "--file contains the conditions: remove --rule and other conditions", "file"
            )
        try:
            held = read(asked.file)
        except DocumentError as error:
            raise RefusedRequestError(str(error), "file") from error
        return NewSuppression(name, held.alert_type, held.conditions, held.reason, held.comment, held.expires)
    if not asked.rule:
        raise RefusedRequestError(
            "--rule is required: the ID or name of a rule, or '*' for all rules with --entity", "rule"
        )
    try:
        return NewSuppression(name, asked.rule, parse_conditions(given), asked.reason, asked.comment)
    except ConditionError as error:
        raise RefusedRequestError("; ".join(error.reasons), "entities") from error


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "list",
        columns=("name", "rule", "state", "conditions", "expires", "held", "author", "id"),
        nothing="no suppressions",
    ),
)
def list_suppressions(call: OperationCall, query: InWorkspace) -> list[Row]:
    """List suppressions with their number of suppressed alerts."""
    own, now = call.workspace(query.workspace), datetime.now(UTC)
    found = call.state.suppressions.all(own)
    if not found:
        return []
    from nephoscope.alerts.suppression.condition import parse_conditions

    held = call.state.alerts.count_suppressed_alerts(own)
    return [
        {
            "name": one.name, "rule": one.rule, "state": one.status(now),
            "conditions": [str(each) for each in parse_conditions(one.conditions)],
            "expires": one.expires, "held": held.get(one.id, 0), "reason": one.reason, "comment": one.comment, "author": one.author,
            "created": one.created, "changed": one.changed, "advice": one.advice, "id": one.id,
        }
        for one in found
    ]  # fmt: skip


@OPERATIONS.operation(READ, command=CommandLine("show", lambda found: found))
def show_suppression(call: OperationCall, name: Text, query: InWorkspace) -> str:
    """Print the suppression NAME (or ID) as an Azure alertsSuppressionRules document."""
    from nephoscope.alerts.tuning.azure_suppression_rule import to_document

    found = call.state.suppressions.find(call.workspace(query.workspace), name)
    return json.dumps(to_document(found, datetime.now(UTC)), indent=2, ensure_ascii=False)


@OPERATIONS.operation(WRITE, command=CommandLine("set"))
def change_suppression(call: OperationCall, name: Text, body: SuppressionChange) -> None:
    """Change the suppression NAME (or ID)."""
    from nephoscope.service.suppressions import change_suppression

    given = {"enabled": body.enabled, "expires": body.expires, "comment": body.comment}
    changes = {word: value for word, value in given.items() if value is not UNSET}
    change_suppression(call.service, call.workspace(body.workspace), name, **changes)


@OPERATIONS.operation(WRITE, command=CommandLine("expire"))
def expire_suppression(call: OperationCall, name: Text, query: InWorkspace) -> None:
    """End the suppression NAME (or ID) now; it stays in the list."""
    from nephoscope.service.suppressions import end_suppression

    end_suppression(call.service, call.workspace(query.workspace), name)


@OPERATIONS.operation(DELETE, command=CommandLine("delete"))
def delete_suppression(call: OperationCall, name: Text, query: InWorkspace) -> None:
    """Delete the suppression NAME (or ID); suppressed alerts stay dismissed."""
    from nephoscope.service.suppressions import delete_suppression

    delete_suppression(call.service, call.workspace(query.workspace), name)
