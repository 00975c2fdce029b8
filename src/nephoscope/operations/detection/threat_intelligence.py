"""Threat intelligence: its objects as they are listed, shown and revoked, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from nephoscope.operations.declaration.operation import CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text
from nephoscope.state import StateError
from nephoscope.state.ingestion.threat_intelligence import Intel

OPERATIONS = OperationGroup(
    "threat-intelligence", "Threat intelligence", "An object",
    "Manage threat intelligence: malicious addresses, domains, URLs, file hashes and senders.",
)  # fmt: skip
READ, WRITE, DELETE = (
    f"Microsoft.SecurityInsights/threatIntelligence/indicators/{one}" for one in ("read", "write", "delete")
)
MOST_LISTED = 10_000
#: Objects that were refused, of which so many of a file are told.
_TOLD = 20
_FEED_KINDS = frozenset({"taxii", "misp"})


class IntelQuery(InWorkspace, frozen=True, kw_only=True):
    """The objects to list."""

    value: Annotated[Text, describe("Show only objects that contain this value.", metavar="TEXT")] = ""
    source: Annotated[Text, describe("Show only objects from this source.", metavar="NAME")] = ""
    kind: Annotated[
        Text,
        describe(
            "Show only objects of this STIX type, such as indicator or malware.",
            option="--type",
            metavar="TYPE",
        ),
    ] = ""
    every: Annotated[bool, describe("Include expired, revoked and withdrawn objects.", option="--all")] = (
        False
    )
    most: Annotated[int, describe("Maximum number of objects.", ge=1, le=100_000)] = 100


class Revocation(InWorkspace, frozen=True, kw_only=True):
    """The objects to withdraw, or to restore."""

    ids: Annotated[tuple[Text, ...], describe("IDs.", metavar="ID...", argument=True)]
    undo: Annotated[bool, describe("Restore withdrawn objects.")] = False


class IntelFiles(InWorkspace, frozen=True, kw_only=True):
    """Files of threat intelligence, and how they are read."""

    files: Annotated[tuple[Path, ...], describe("Files.", metavar="FILES...", argument=True, path="file")]
    form: Annotated[
        Literal["auto", "stix", "misp", "csv"],
        describe("Format of the files: STIX 2.1, a MISP export, or a table.", option="--format"),
    ] = "auto"
    source: Annotated[
        Text, describe("Name of the source (default: the file name without its extension).", metavar="NAME")
    ] = ""
    mapped: Annotated[
        Mapping[str, str],
        describe(
            "Mapping of table columns to value, id, confidence, valid_until and others (see the guide).", option="--map",
            metavar="MEANING=COLUMN",
        ),
    ] = {}  # fmt: skip
    delimiter: Annotated[Text, describe("Delimiter of a table (default: detected).", metavar="CHARACTER")] = (
        ""
    )
    encoding: Annotated[
        Text, describe("Encoding of a table (default: UTF-8, or its byte order mark).", metavar="NAME")
    ] = ""
    confidence: (
        Annotated[int, describe("Confidence of indicators that have none (default: unset).", ge=0, le=100)]
        | None
    ) = None
    days: Annotated[
        int, describe("Lifetime in days of indicators without an end; 0 = unlimited.", ge=0, le=3650)
    ] = 0


@dataclass
class ImportedFiles:
    """Lines about each file, and whether something of one was refused."""

    messages: list[str]
    failed: bool = False


class ListedIntel(list[Row]):
    """Rows of objects; `held` says whether the workspace has any at all."""

    held = True


def _explain_empty(found: ListedIntel) -> str:
    if found.held:
        return "no matching objects; --all includes expired, revoked and withdrawn objects"
    return "no threat intelligence: import some with nephoscope intel import FILE"


@OPERATIONS.operation(
    WRITE,
    command=CommandLine(
        "import",
        lambda done: "\n".join(done.messages),
        failed=lambda done: 3 if done.failed else 0,
    ),
    needs_lake=True,
)
def import_files(call: OperationCall, body: IntelFiles) -> ImportedFiles:
    """Import threat intelligence from FILES. Importing the same data again changes nothing; a newer version
    from the same source replaces an object. Records that cannot be parsed are reported with their
    location, go to _Quarantine, and make the command exit 3.
    """
    from nephoscope.ingest.threat_intelligence.indicator_files import IndicatorFileOptions, UnreadableError
    from nephoscope.service.threat_intelligence import import_file

    own, done = call.workspace(body.workspace), ImportedFiles([])
    for path in body.files:
        reading = IndicatorFileOptions(
            body.form, body.mapped, body.delimiter, body.encoding, body.confidence, body.days, body.source or path.stem
        )  # fmt: skip
        try:
            kept, refused = import_file(call.service, call.lake, own, path, reading)
        except UnreadableError as error:
            call.tell(str(error))
            done.failed = True
            continue
        done.messages.append(f"{path}: {kept}" + (f", {len(refused):,} refused" if refused else ""))
        done.failed |= bool(refused)
        for one in refused[:_TOLD]:
            call.tell(f"{path}: {one.place}: {one.reason}")
        if len(refused) > _TOLD:
            call.tell(f"{path}: {len(refused) - _TOLD:,} more; `nephoscope query '_Quarantine'` has them all")
    call.lake.flush()
    return done


@OPERATIONS.operation(WRITE, command=CommandLine("refresh", "{result:,} objects written"), needs_lake=True)
def refresh_tables(call: OperationCall, query: InWorkspace) -> int:
    """Update the threat intelligence tables: expire objects and refresh rows that are a week old. `detect`
    does this automatically.
    """
    from nephoscope.service.threat_intelligence import refresh_objects

    return refresh_objects(call.service, call.workspace(query.workspace))


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "list", columns=("id", "observable", "value", "source", "confidence", "validUntil", "status"),
        nothing=_explain_empty,
    ),
    page=SectionList(
        "Threat intelligence", "Detection", "object", "Malicious addresses, domains, URLs, file hashes and senders that rules match.",
        key="id", name="value", guide="threat-intelligence.md", facets=("status", "source", "observable"),
        names=("source", "observable"),
        given={"most": MOST_LISTED, "every": True}, most=MOST_LISTED,
        nothing="No threat intelligence yet: add a TAXII or MISP source, or run `nephoscope intel import FILE`.",
        columns=(
            PageColumn("value", "Value"), PageColumn("observable", "Type", optional=True), PageColumn("source", "Source"),
            PageColumn("confidence", "Confidence", optional=True), PageColumn("validUntil", "Valid until", optional=True),
            PageColumn("status", "Status", optional=True),
        ),
    ),
)  # fmt: skip
def list_objects(call: OperationCall, query: IntelQuery) -> ListedIntel:
    """List threat intelligence, newest first."""
    from nephoscope.ingest.threat_intelligence.defanging import refang

    own = call.workspace(query.workspace)
    found = call.state.intel.list_newest(
        own, inactive=query.every, value=refang(query.value), source=query.source, kind=query.kind, most=query.most
    )  # fmt: skip
    rows = ListedIntel(map(_list_row, found))
    rows.held = bool(found) or bool(call.state.intel.list_newest(own, inactive=True, most=1))
    return rows


@OPERATIONS.operation(READ, command=CommandLine("show", lambda found: found))
def show_object(call: OperationCall, id: Text, query: InWorkspace) -> str:  # noqa: A002 - the word of the command
    """Show the object ID in its original form, with its matches and status."""
    found = call.state.intel.get(call.workspace(query.workspace), id)
    if found is None:
        raise StateError(
            f"threat intelligence {id!r} not found: search with `nephoscope intel list --value VALUE`"
        )
    known = {"source": found.source, "status": describe_status(found), "observables": [list(one) for one in found.observables],
             "published": found.published.isoformat(), "object": found.document}  # fmt: skip
    return json.dumps(known, indent=2, ensure_ascii=False)


@OPERATIONS.operation(
    DELETE,
    command=CommandLine(
        "revoke", lambda done: "\n".join(f"{one.id}: {describe_status(one)}" for one in done)
    ),
    needs_lake=True,
)
def revoke_objects(call: OperationCall, body: Revocation) -> list[Intel]:
    """Withdraw objects, regardless of later updates from their source. Rules no longer match them."""
    from nephoscope.service.threat_intelligence import revoke_objects

    return revoke_objects(call.service, call.workspace(body.workspace), body.ids, undo=body.undo)


@OPERATIONS.operation(
    DELETE, page=OperationForm("Withdraw", in_rows=True, when=lambda row: row["status"] == "active")
)
def withdraw_object(call: OperationCall, id: Text, query: InWorkspace) -> None:  # noqa: A002 - the key of a row
    """Withdraw an object, regardless of later updates from its source. Rules no longer match it."""
    from nephoscope.service.threat_intelligence import revoke_objects

    revoke_objects(call.service, call.workspace(query.workspace), [id])


@OPERATIONS.operation(
    DELETE, page=OperationForm("Restore", when=lambda row: "withdrawn" in str(row["status"]))
)
def restore_object(call: OperationCall, id: Text, query: InWorkspace) -> None:  # noqa: A002 - the key of a row
    """Restore a withdrawn object."""
    from nephoscope.service.threat_intelligence import revoke_objects

    revoke_objects(call.service, call.workspace(query.workspace), [id], undo=True)


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "feeds", columns=("source", "kind", "objects", "active", "lastSeen", "lag", "error"),
        nothing="no feeds: use `nephoscope sources add NAME --kind taxii`, or `nephoscope intel import FILE`",
    ),
)  # fmt: skip
def list_feeds(call: OperationCall, query: InWorkspace) -> list[Row]:
    """List sources of threat intelligence: imported files, and live feeds with their health."""
    state, own = call.state, call.workspace(query.workspace)
    counts = state.intel.counts(own)
    health = {one.source: one for one in state.source_health.all() if not one.table}
    live = {
        one.name: one.kind for one in state.sources.all() if one.kind in _FEED_KINDS and one.workspace == own
    }
    return [
        {
            "source": source, "kind": live.get(source, "file"), "objects": counts.get(source, (0, 0))[0],
            "active": counts.get(source, (0, 0))[1], "lastSeen": health[source].last_seen if source in health else None,
            "lag": health[source].lag if source in health else None, "error": health[source].error if source in health else "",
        }
        for source in sorted({*counts, *live})
    ]  # fmt: skip


def describe_status(one: Intel) -> str:
    """Return how an object is, in a word."""
    if one.withdrawn:
        return f"withdrawn by {one.withdrawn}"
    if one.revoked:
        return "revoked"
    over = one.valid_until is not None and one.valid_until <= datetime.now(UTC)
    return "expired" if over or not one.active else "active"


def _list_row(one: Intel) -> Row:
    key, value = one.observables[0] if one.observables else (one.kind, one.document.get("name", ""))
    return {
        "id": one.id, "observable": key, "value": value, "source": one.source, "confidence": one.confidence,
        "modified": one.modified, "validUntil": one.valid_until, "status": describe_status(one), "published": one.published,
        "values": len(one.observables),
    }  # fmt: skip
