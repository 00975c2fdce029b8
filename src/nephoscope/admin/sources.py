"""Sources of logs: set up, tried, switched on and off, and how they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import ApiError, bad, missing_fault, refusing
from nephoscope.ingest.live.live_source import SourceKind
from nephoscope.ingest.live.source_kinds import describe_kind, kind_of, kinds
from nephoscope.ingest.live.source_setup import TOKENS
from nephoscope.ingest.source_failures import SourceError
from nephoscope.operations.declaration.schemas import Name, PageQuery, Shape, take_page
from nephoscope.service import sources as service
from nephoscope.service.sources import DELETE, HOST, READ, WRITE
from nephoscope.state import StateError
from nephoscope.state.ingestion.sources import Source

SECTION = RouteSection("sources", "Sources")
Settings = Annotated[
    dict[Name, Any], msgspec.Meta(max_length=100, description="Settings as described by GET /sourceKinds.")
]
Secrets = Annotated[
    dict[Name, Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]],
    msgspec.Meta(max_length=20, description="Stored encrypted and never returned."),
]


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
    left_out: int
    error: str


class SourceList(Shape, frozen=True, kw_only=True):
    """Sources by name."""

    value: tuple[SourceShape, ...]
    next: str = ""


class NewSource(Shape, frozen=True, kw_only=True):
    """A source to be set up; the server begins to read it within seconds."""

    name: Name
    kind: Name
    settings: Settings = msgspec.field(default_factory=dict)
    secrets: Secrets = msgspec.field(default_factory=dict)
    workspace: Name = "default"
    enabled: bool = True


class SourceChange(Shape, frozen=True, kw_only=True):
    """What is to change; settings and secrets that are left out stay.

    Where a setting changes that decides where a secret goes, the secrets are given anew.
    """

    settings: Settings | msgspec.UnsetType = msgspec.UNSET
    secrets: Secrets | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class SourceTest(Shape, frozen=True, kw_only=True):
    """Whether a source can be reached, and what it said."""

    works: bool
    message: str


class PartError(Shape, frozen=True, kw_only=True):
    """An error of a part of a source that is not over; `key` is '' for the source as a whole."""

    key: str
    error: str
    since: datetime
    at: datetime


class TableHealth(Shape, frozen=True, kw_only=True):
    """How a table of a source is; `table` is '' for the source itself.

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
    """How a source is, table by table."""

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


@SECTION.route("GET", "/sourceKinds", READ)
def kinds_(ask: AdminRequest) -> KindList:  # noqa: ARG001 - a handler's signature
    """Return what there can be sources of."""
    return KindList(value=tuple(_kind(one) for one in kinds().values()))


@SECTION.route("GET", "/sources", READ)
def sources(ask: AdminRequest, query: PageQuery) -> SourceList:
    """The sources."""
    found, after = take_page(ask.instance.state.sources.all(), lambda one: one.name, query)
    return SourceList(value=tuple(_source_shape(ask, one) for one in found), next=after)


@SECTION.route("POST", "/sources", WRITE, status=201)
def add(ask: AdminRequest, body: NewSource) -> SourceShape:
    """Set up a source; what reads the server's own files, listens at its addresses or signs in as the server needs an owner."""
    state, kind = ask.instance.state, _kind_of(body.kind)
    if any(one.name == body.name for one in state.sources.all()):
        raise ApiError(409, "Conflict", f"Source {body.name!r} already exists.")
    if state.workspaces.find(body.workspace) is None:
        raise bad(f"Workspace {body.workspace!r} not found.", "workspace")
    source = Source(body.name, kind.name, {}, body.workspace, enabled=body.enabled)
    table = ask.instance.lake.tables.get
    with refusing("settings", SourceError, StateError):
        made = service.add_source(ask.service, source, body.settings, body.secrets, table=table)
    return _source_shape(ask, made)


@SECTION.route("GET", "/sources/{name}", READ)
def one(ask: AdminRequest, name: Name) -> SourceShape:
    """One source."""
    return _source_shape(ask, _source(ask, name))


@SECTION.route("PATCH", "/sources/{name}", WRITE)
def change(ask: AdminRequest, name: Name, body: SourceChange) -> SourceShape:
    """Change a source or switch it on or off; it is started again with it within seconds. What is the server's own needs an owner."""
    source = _source(ask, name)
    settings = body.settings if body.settings is not msgspec.UNSET else None
    secrets = body.secrets if body.secrets is not msgspec.UNSET else {}
    enabled = None if body.enabled is msgspec.UNSET else body.enabled
    with refusing("settings", SourceError, StateError):
        made = service.change_source(ask.service, source.name, settings, secrets, enabled=enabled)
    return _source_shape(ask, made)


@SECTION.route("DELETE", "/sources/{name}", DELETE, status=204)
def remove(ask: AdminRequest, name: Name) -> None:
    """Forget a source, how far it was read, and its secrets; its rows stay."""
    service.remove_source(ask.service, _source(ask, name).name)


@SECTION.route("POST", "/sources/{name}/test", WRITE)
def test(ask: AdminRequest, name: Name) -> SourceTest:
    """Try whether a source can be reached, without reading from it."""
    found = service.try_source(ask.service, ask.instance.lake, _source(ask, name).name)
    return SourceTest(works=found.works, message=found.message)


@SECTION.route("POST", "/sources/{name}/tokens", HOST, status=201)
def token(ask: AdminRequest, name: Name) -> SourceToken:
    """Make a token that a source of the kind logs_ingestion lets in."""
    source = _source(ask, name)
    if source.kind != TOKENS:
        raise ApiError(
            409, "Conflict", f"{name} is a source of the kind {source.kind}: tokens are only for {TOKENS}."
        )
    return SourceToken(token=service.make_source_token(ask.service, name))


@SECTION.route("GET", "/sources/{name}/health", READ)
def health(ask: AdminRequest, name: Name) -> SourceHealthReport:
    """Return how a source is."""
    _source(ask, name)
    found = [one for one in ask.instance.state.source_health.all() if one.source == name]
    return SourceHealthReport(
        value=tuple(
            TableHealth(
                table=one.table, workspace=one.workspace, first_seen=one.first_seen, last_seen=one.last_seen,
                last_event=one.last_event, rows=one.rows, bad=one.bad, lag=one.lag, left_out=one.left_out, error=one.error,
                errors=tuple(
                    PartError(key=part.key, error=part.error, since=part.since, at=part.at)
                    for part in one.standing.errors
                ),
                error_count=one.standing.count,
            )
            for one in found
        )
    )  # fmt: skip


def _kind_of(name: str) -> SourceKind:
    with refusing("kind", SourceError):
        return kind_of(name)


def _source(ask: AdminRequest, name: str) -> Source:
    found = next((one for one in ask.instance.state.sources.all() if one.name == name), None)
    if found is None:
        raise missing_fault(f"A source {name}")
    return found


def _kind(kind: SourceKind) -> KindShape:
    settings = tuple(
        SettingShape(name=one.name, type=one.type, default=one.default, help=one.help, owners=one.owners)
        for one in describe_kind(kind)
    )
    return KindShape(name=kind.name, title=kind.title, settings=settings, secrets=dict(kind.secrets))


def _source_shape(ask: AdminRequest, one: Source) -> SourceShape:
    health = next(
        (
            each
            for each in ask.instance.state.source_health.all()
            if each.source == one.name and not each.table
        ),
        None,
    )
    return SourceShape(
        name=one.name, kind=one.kind, workspace=one.workspace, settings=dict(one.settings), has_secrets=bool(one.credential),
        enabled=one.enabled, created=one.created, last_seen=health.last_seen if health else None,
        left_out=health.left_out if health else 0, error=health.error if health else "",
    )  # fmt: skip
