"""Sources of logs: set up, tried, switched on and off, and how they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from nephoscope.ingest.live.live_source import SourceKind
from nephoscope.ingest.live.source_kinds import (
    describe_kind,
    get_source_kind,
    load_source_kinds,
    parse_settings,
)
from nephoscope.ingest.live.source_setup import (
    TOKENS,
    check_source,
    describe_row_destination,
    find_source_error,
    summarize_errors,
)
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import Row
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import AnyJson, Name, PageQuery, Shape, slice_page, to_shape
from nephoscope.service import sources as service
from nephoscope.service.sources import DELETE, HOST, READ, WRITE
from nephoscope.state import StateError
from nephoscope.state.ingestion.source_health import SourceHealth
from nephoscope.state.ingestion.sources import Source

OPERATIONS = OperationGroup("sources", "Sources", "A source")
Settings = Annotated[
    dict[Name, AnyJson],
    describe(
        "Setting of the source, as `sources kinds` lists them; separate list values by commas.",
        option="--set",
        max_length=100,
    ),
]
Secrets = Annotated[
    dict[Name, Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]],
    describe(
        "Secret from an environment variable or a file; without either, you are prompted. Secrets are stored encrypted.",
        option="--secret", secret=True, max_length=20,
    ),
]  # fmt: skip
NoTest = Annotated[bool, describe("Skip the connection test and the check of files and folders.")]
#: How a command is told what a kind takes; pages have fields for it.
_HOW = "settings are given with --set NAME=VALUE, secrets with --secret NAME: see docs/reference/sources.md"


class PartError(Shape, frozen=True, kw_only=True):
    """An error of a part of a source that is not over; `key` is '' for the source as a whole."""

    key: str
    error: str
    since: datetime
    at: datetime


class SourceShape(Shape, frozen=True, kw_only=True):
    """A source as it was set up, and how it is; `leftOut` are its rows of tables that its workspace does not take."""

    name: str
    kind: str
    workspace: str
    settings: Mapping[str, Any]
    has_secrets: bool
    enabled: bool
    created: datetime | None
    last_seen: datetime | None
    lag: int | None
    left_out: int
    error: str
    errors: tuple[PartError, ...]
    error_count: int


class SourceList(Shape, frozen=True, kw_only=True):
    """Sources by name."""

    value: tuple[SourceShape, ...]
    next: str = ""


class NewSource(Shape, frozen=True, kw_only=True):
    """A source to be set up; the server begins to read it within seconds."""

    name: Annotated[Name, describe("A name.", argument=True)]
    kind: Annotated[Name, describe("Kind of source: see `nephoscope sources kinds`.", metavar="KIND")]
    settings: Settings = msgspec.field(default_factory=dict)
    secrets: Secrets = msgspec.field(default_factory=dict)
    workspace: Annotated[
        Name, describe("Destination workspace.", option="--workspace,-w", metavar="NAME")
    ] = "default"
    enabled: Annotated[bool, describe("Read the source.", option="")] = True
    no_test: NoTest = False


class SourceChange(Shape, frozen=True, kw_only=True):
    """Changes of a source; settings and secrets that are left out stay.

    Where a setting changes that decides where a secret goes, the secrets are given anew.
    """

    settings: Settings | msgspec.UnsetType = msgspec.UNSET
    secrets: Secrets | msgspec.UnsetType = msgspec.UNSET
    enabled: (
        Annotated[
            bool, describe("Enable or disable the source in `sources run`.", option="--enable/--disable")
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    no_test: NoTest = False


class TokenQuery(Shape, frozen=True, kw_only=True):
    """The tokens before it."""

    revoke: Annotated[bool, describe("Revoke all previous tokens.")] = False


class SourceTest(Shape, frozen=True, kw_only=True):
    """The result of a connection test."""

    works: bool
    message: str


class TableHealth(Shape, frozen=True, kw_only=True):
    """The health of a table of a source; `table` is '' for the source itself.

    `errors` are the last ones of its parts, `errorCount` how many there are in all; `leftOut`, of the source itself, are its rows of
    tables that its workspace does not take.
    """

    table: str
    workspace: str
    first_seen: datetime | None
    last_seen: datetime | None
    last_event: datetime | None
    rows: int
    bad: int
    lag: int | None
    left_out: int
    error: str
    errors: tuple[PartError, ...]
    error_count: int


class SourceHealthReport(Shape, frozen=True, kw_only=True):
    """The health of a source, table by table."""

    value: tuple[TableHealth, ...]


class SettingShape(Shape, frozen=True, kw_only=True):
    """A setting of a kind; `default` null = it must be given, `owners` says when an owner alone sets it ('' = never)."""

    name: str
    type: str
    default: str | None
    help: str
    owners: str


class KindShape(Shape, frozen=True, kw_only=True):
    """A kind of source with its settings and secrets (name -> what it is)."""

    name: str
    title: str
    settings: tuple[SettingShape, ...]
    secrets: Mapping[str, str]


class KindList(Shape, frozen=True, kw_only=True):
    """Every kind."""

    value: tuple[KindShape, ...]


class SourceToken(Shape, frozen=True, kw_only=True):
    """A token that a source lets in, shown this once."""

    token: str


def _list_kind_rows(found: KindList) -> list[Row]:
    rows = [
        {
            "kind": kind.name,
            "setting": one.name,
            "type": one.type,
            "default": one.default,
            "meaning": one.help,
        }
        for kind in found.value
        for one in kind.settings
    ] + [
        {"kind": kind.name, "setting": name, "type": "secret", "default": "", "meaning": meaning}
        for kind in found.value
        for name, meaning in kind.secrets.items()
    ]
    return sorted(rows, key=lambda row: str(row["kind"]))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/sourceKinds"),
    CommandLine("kinds", columns=("kind", "setting", "type", "default", "meaning"), rows=_list_kind_rows),
)  # fmt: skip
def list_source_kinds(call: OperationCall) -> KindList:  # noqa: ARG001 - a handler's signature
    """List the kinds of sources with their settings and secrets."""
    return KindList(value=tuple(_build_kind(one) for one in load_source_kinds().values()))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/sources"),
    CommandLine(
        "list", columns=("name", "kind", "workspace", "enabled", "lastSeen", "lag", "leftOut", "error"),
        nothing="no sources: add one with nephoscope sources add NAME --kind KIND",
    ),
)  # fmt: skip
def list_sources(call: OperationCall, query: PageQuery) -> SourceList:
    """List sources with their last event, backlog, dropped rows and last error. Rows are dropped if the
    source's workspace does not accept their table.
    """
    found, after = slice_page(call.state.sources.all(), lambda one: one.name, query)
    return SourceList(value=tuple(_build_source_shape(call, one) for one in found), next=after)


def _explain_refusal(error: RefusedRequestError) -> str:
    """A refusal, with how a command goes on."""
    if isinstance(error.__cause__, SourceSettingsError):
        return f"{error}; {_HOW}"
    return f"{error}: fix it, or use --no-test" if isinstance(error.__cause__, SourceError) else str(error)


def _check_new(body: NewSource) -> None:
    with translate_errors("settings", SourceError):
        kind = get_source_kind(body.kind)
        check_source(
            kind, parse_settings(kind, body.settings), body.secrets, body.name, there=not body.no_test
        )


class SourceAdded(msgspec.Struct, frozen=True):
    """Lines that a command prints of a source that it added, and notes beside them."""

    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()


def _finish_added_source(
    call: OperationCall, made: SourceShape, arguments: Mapping[str, object]
) -> SourceAdded:
    """Make a token for a source that takes one, and test the source."""
    body, lines, notes = arguments["body"], [f"source {made.name} added"], list[str]()
    assert isinstance(body, NewSource)
    if made.kind == TOKENS and not body.secrets:
        lines.append(service.make_source_token(call.service, made.name))
        notes.append(_ONCE)
    outcome = describe_row_destination(call.state, call.state.sources.get(made.name))
    if not body.no_test:
        found = service.try_source(call.service, call.lake, made.name)
        outcome = found.message if found.works else outcome
        lines += [f"source {made.name}: {outcome}"] if found.works else []
        notes += [] if found.works else [f"it is not reachable yet: source {made.name}: {found.message}"]
    elif outcome:
        lines.append(outcome)
    return SourceAdded(tuple(lines), tuple(notes))


_ONCE = "the token is shown only once; a running process accepts it after a restart"


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/sources", 201),
    CommandLine(
        "add", lambda added: "\n".join(added.lines), notes=lambda added: added.notes, check=_check_new, follow=_finish_added_source,
        explain=_explain_refusal,
    ),
    needs_lake=True,
)  # fmt: skip
def add_source(call: OperationCall, body: NewSource) -> SourceShape:
    """Add the source NAME and test it. A source that reads the server's own files, listens at its addresses or
    signs in as the server needs an Owner.
    """
    state, kind = call.state, _find_kind(body.kind)
    if any(one.name == body.name for one in state.sources.all()):
        raise StateError(f"Source {body.name!r} already exists.")
    if state.workspaces.find(body.workspace) is None:
        raise RefusedRequestError(f"Workspace {body.workspace!r} not found.", "workspace")
    source = Source(body.name, kind.name, {}, body.workspace, enabled=body.enabled)
    with translate_errors("settings", SourceError, StateError):
        made = service.add_source(
            call.service, source, body.settings, body.secrets, there=not body.no_test, table=call.lake.tables.get
        )  # fmt: skip
    return _build_source_shape(call, made)


@OPERATIONS.operation(READ, ApiRoute("GET", "/sources/{name}"))
def get_source(call: OperationCall, name: Name) -> SourceShape:
    """Show one source."""
    return _build_source_shape(call, call.state.sources.get(name))


@OPERATIONS.operation(
    WRITE, ApiRoute("PATCH", "/sources/{name}"), CommandLine("set", "source {name} changed", explain=_explain_refusal)
)  # fmt: skip
def change_source(call: OperationCall, name: Name, body: SourceChange) -> SourceShape:
    """Change the source NAME, or enable or disable it; other settings are preserved. `serve` and waiting sources
    apply the change within seconds. Settings of the server itself need an Owner.
    """
    settings = None if body.settings is msgspec.UNSET else body.settings
    secrets = {} if body.secrets is msgspec.UNSET else body.secrets
    enabled = None if body.enabled is msgspec.UNSET else body.enabled
    call.state.sources.get(name)
    with translate_errors("settings", SourceError, StateError):
        made = service.change_source(
            call.service, name, settings, secrets, enabled=enabled, there=not body.no_test
        )
    return _build_source_shape(call, made)


@OPERATIONS.operation(
    DELETE, ApiRoute("DELETE", "/sources/{name}", 204), CommandLine("remove", "source {name} removed")
)  # fmt: skip
def remove_source(call: OperationCall, name: Name) -> None:
    """Delete the source NAME with its checkpoints and secrets; ingested data is preserved."""
    service.remove_source(call.service, name)


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/sources/{name}/test"),
    CommandLine("test", "source {name}: {message}", failed=lambda found: 0 if found.works else 2), needs_lake=True,
)  # fmt: skip
def test_source(call: OperationCall, name: Name) -> SourceTest:
    """Test the connection of the source NAME without reading from it."""
    found = service.try_source(call.service, call.lake, name)
    return SourceTest(works=found.works, message=found.message)


@OPERATIONS.operation(
    HOST, ApiRoute("POST", "/sources/{name}/tokens", 201), CommandLine("token", "{token}", notes=lambda _: (_ONCE,))
)  # fmt: skip
def create_source_token(call: OperationCall, name: Name, query: TokenQuery) -> SourceToken:
    """Create a token for the source NAME (of the kind logs_ingestion). It is shown once and stored as a hash."""
    return SourceToken(token=service.make_source_token(call.service, name, revoke=query.revoke))


@OPERATIONS.operation(READ, ApiRoute("GET", "/sources/{name}/health"))
def get_source_health(call: OperationCall, name: Name) -> SourceHealthReport:
    """Show the ingestion health of a source."""
    call.state.sources.get(name)
    found = [one for one in call.state.source_health.all() if one.source == name]
    return SourceHealthReport(value=tuple(map(_build_table_health, found)))


def _build_table_health(one: SourceHealth) -> TableHealth:
    errors = tuple(to_shape(PartError, part) for part in one.standing.errors)
    return to_shape(TableHealth, one, errors=errors, error_count=one.standing.count)


def _find_kind(name: str) -> SourceKind:
    with translate_errors("kind", SourceError):
        return get_source_kind(name)


def _build_kind(kind: SourceKind) -> KindShape:
    settings = tuple(to_shape(SettingShape, one) for one in describe_kind(kind))
    return KindShape(name=kind.name, title=kind.title, settings=settings, secrets=dict(kind.secrets))


def _build_source_shape(call: OperationCall, one: Source) -> SourceShape:
    several = call.state.source_health.all()
    health = next((each for each in several if each.source == one.name and not each.table), None)
    standing = summarize_errors(health)
    return to_shape(
        SourceShape, one, settings=dict(one.settings), has_secrets=bool(one.credential),
        last_seen=health.last_seen if health else None, lag=health.lag if health else None,
        left_out=health.left_out if health else 0, error=find_source_error(call.state, one, health),
        errors=tuple(to_shape(PartError, part) for part in standing.errors), error_count=standing.count,
    )  # fmt: skip
