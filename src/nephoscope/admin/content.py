"""Content of detection: sent as an archive or a file, each rule told with how it stands, listed, switched, forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.alerts.library import content_listing
from nephoscope.alerts.library.content_packs import PackError, RulePack
from nephoscope.alerts.library.content_upload import (
    MOST_BYTES,
    Upload,
    UploadBusyError,
    build_report,
    import_upload,
)
from nephoscope.alerts.library.upload_extraction import UploadError
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_found_error
from nephoscope.operations.declaration.schemas import Name, PageQuery, Shape, Text, slice_page, to_shape
from nephoscope.service.content import import_pack, remove_pack
from nephoscope.service.rules import DELETE, READ, WRITE, switch_rules
from nephoscope.state.rules.rule_switches import PACK

SECTION = RouteSection("content", "Content")
#: The content as base64, and what stands around it.
BODY = MOST_BYTES * 4 // 3 + (64 << 10)


class NewPack(Shape, frozen=True, kw_only=True):
    """Pack to import: a .zip or .tar.gz archive or the file of one rule; its rules stay off unless `enable` is set.

    `name` names the pack ("" = as the file); it replaces a pack of that name.
    """

    file: Annotated[Text, msgspec.Meta(min_length=1)]
    content: Annotated[bytes, msgspec.Meta(max_length=MOST_BYTES)]
    name: Text = ""
    workspace: Name = "default"
    enable: bool = False


class PieceShape(Shape, frozen=True, kw_only=True):
    """A piece of a pack, or what could not be used (`kind` ''); `standing` is a word, `needs` names missing tables."""

    kind: str
    id: str
    name: str
    version: str
    file: str
    standing: str
    status: str
    needs: tuple[str, ...]
    tables: tuple[str, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


class PackShape(Shape, frozen=True, kw_only=True):
    """A pack: from where it came, how many pieces it has, and whether its rules are on in the workspace it was sent for."""

    name: str
    origin: str
    imported: datetime
    workspace: str
    pieces: int
    refused: int
    on: bool


class PackList(Shape, frozen=True, kw_only=True):
    """Packs by name."""

    value: tuple[PackShape, ...]
    next: str = ""


class PackReport(Shape, frozen=True, kw_only=True):
    """A pack with each of its pieces."""

    pack: PackShape
    pieces: tuple[PieceShape, ...]


class ImportReport(Shape, frozen=True, kw_only=True):
    """Result of an import: the pack and the status of each piece; not `kept` where no piece is usable.

    `changes` are names by the kind of change.
    """

    pack: PackShape
    kept: bool
    pieces: tuple[PieceShape, ...]
    changes: Mapping[str, tuple[str, ...]]
    passed: Mapping[str, int]


class PackSwitch(Shape, frozen=True, kw_only=True):
    """State to set for the rules of a pack in a workspace."""

    enabled: bool
    workspace: Name = "default"


@SECTION.route("GET", "/contentPacks", READ)
def list_content_packs(ask: AdminRequest, query: PageQuery) -> PackList:
    """The imported packs of detection content."""
    found, after = slice_page(_load_packs(ask).values(), lambda one: one.name, query)
    return PackList(value=tuple(_pack_shape(ask, one) for one in found), next=after)


@SECTION.route("POST", "/contentPacks", WRITE, status=201, most=BODY)
def import_content_pack(ask: AdminRequest, body: NewPack) -> ImportReport:
    """Import content of Sentinel or rules of Sigma; each rule is told with how it stands."""
    instance, workspace = ask.instance, _require_workspace(ask, body.workspace)
    upload = Upload(body.file, body.content, body.name)
    take_ = partial(
        import_upload, instance.lake, instance.state, workspace, ask.caller.name, upload, instance.now
    )
    try:
        found = import_pack(
            ask.service, workspace, upload.pack, take_, origin=upload.plain, enable=body.enable
        )
    except UploadBusyError as error:
        raise ApiError(409, "Conflict", str(error), headers={"Retry-After": "60"}) from error
    except UploadError as error:
        raise make_bad_request_error(f"{error}.", "content") from error
    kept = bool(found.pack.pieces)
    return ImportReport(
        pack=_pack_shape(ask, found.pack),
        kept=kept,
        pieces=_convert_pieces(build_report(instance.lake, workspace, found)),
        changes={word: tuple(names) for word, names in found.changes.items()},
        passed=dict(found.passed),
    )


@SECTION.route("GET", "/contentPacks/{name}", READ)
def get_content_pack(ask: AdminRequest, name: Name) -> PackReport:
    """One pack, with how each of its pieces stands today."""
    found, lake = _find_pack(ask, name), ask.instance.lake
    held = content_listing.WorkspaceTables.of(lake, found.workspace)
    return PackReport(
        pack=_pack_shape(ask, found), pieces=_convert_pieces(content_listing.list_rows(found, held))
    )


@SECTION.route("PATCH", "/contentPacks/{name}", WRITE)
def switch_content_pack(ask: AdminRequest, name: Name, body: PackSwitch) -> PackShape:
    """Switch the rules of a pack on or off."""
    found, workspace = _find_pack(ask, name), _require_workspace(ask, body.workspace)
    switch_rules(ask.service, workspace, {PACK: [found.name]}, enabled=body.enabled)
    return _pack_shape(ask, found)


@SECTION.route("DELETE", "/contentPacks/{name}", DELETE, status=204)
def remove_content_pack(ask: AdminRequest, name: Name) -> None:
    """Forget a pack, with the functions that it brought; watchlists stay."""
    remove_pack(ask.service, ask.instance.lake, _find_pack(ask, name))


def _require_workspace(ask: AdminRequest, name: str) -> str:
    found = ask.instance.state.workspaces.find(name)
    if found is None:
        raise make_bad_request_error(f"Workspace {name!r} not found.", "workspace")
    return found.name


def _load_packs(ask: AdminRequest) -> dict[str, RulePack]:
    try:
        return {one.name: one for one in content_listing.load_packs(ask.instance.data)}
    except PackError as error:
        raise ApiError(409, "Conflict", str(error)) from error


def _find_pack(ask: AdminRequest, name: str) -> RulePack:
    found = _load_packs(ask).get(name)
    if found is None:
        raise make_not_found_error(f"A pack {name}")
    return found


def _pack_shape(ask: AdminRequest, one: RulePack) -> PackShape:
    on = ask.instance.state.rule_switches.load_switches(one.workspace).packs.get(one.name, False)
    return to_shape(PackShape, one, pieces=len(one.pieces), refused=len(one.refusals), on=on)


def _convert_pieces(rows: Iterable[Mapping[str, Any]]) -> tuple[PieceShape, ...]:
    names = PieceShape.__struct_fields__
    return tuple(msgspec.convert({name: row[name] for name in names}, PieceShape) for row in rows)
