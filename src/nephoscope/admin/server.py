"""The server itself: the settings it was started with, its health, its backups, and the assessment of the estate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from nephoscope import __version__
from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.instance import ASSESS_SOON, BACKED_UP, FAILED
from nephoscope.operations.declaration.schemas import AnyJson, Shape
from nephoscope.posture.scans.scan import read_last_scan_request
from nephoscope.service.assessment_requests import TRIGGER, request_assessment

SECTION = RouteSection("server", "The server")


class ServerSettings(Shape, frozen=True, kw_only=True):
    """Version and start settings of the server; `nephoscope serve --help` describes each setting."""

    version: str
    settings: Mapping[str, AnyJson]


class CheckShape(Shape, frozen=True, kw_only=True):
    """Result of one health check, with its remedy."""

    check: str
    verdict: Literal["ok", "info", "warning", "wrong"]
    text: str
    remedy: str


class Health(Shape, frozen=True, kw_only=True):
    """Health of the server: all checks and the worst `verdict` among them."""

    verdict: Literal["ok", "info", "warning", "wrong"]
    checks: tuple[CheckShape, ...]


class BackupState(Shape, frozen=True, kw_only=True):
    """The last backup that `nephoscope backup` made of this server; null and '' where there was none."""

    at: datetime | None
    file: str
    files: int
    bytes: int
    with_keys: bool


class AssessmentState(Shape, frozen=True, kw_only=True):
    """State of the posture assessment: its targets, last run, pending request and last error ('' = none)."""

    targets: tuple[str, ...]
    last: datetime | None
    asked: datetime | None
    pending: bool
    failed: str


@SECTION.route("GET", "/settings", "Nephoscope/settings/read")
def get_settings(ask: AdminRequest) -> ServerSettings:
    """The settings of the server."""
    return ServerSettings(version=__version__, settings=ask.host.settings)


@SECTION.route("GET", "/health", "Nephoscope/health/read")
def get_health(ask: AdminRequest) -> Health:
    """Examine the server, as `nephoscope doctor` does."""
    order: tuple[Literal["ok", "info", "warning", "wrong"], ...] = ("ok", "info", "warning", "wrong")
    found = tuple(
        CheckShape(
            check=one.check,
            verdict=order[order.index(one.verdict)],
            text=one.text,
            remedy=one.remedy,
        )
        for one in ask.host.examined()
    )
    worst = max((order.index(one.verdict) for one in found), default=0)
    return Health(verdict=order[worst], checks=found)


@SECTION.route("GET", "/backup", "Nephoscope/backup/read")
def take_backup(ask: AdminRequest) -> BackupState:
    """Return when and to where the server was last backed up."""
    kept = ask.instance.state.checkpoints.get(*BACKED_UP) or {}
    return BackupState(
        at=datetime.fromisoformat(kept["at"]) if kept else None, file=kept.get("file", ""), files=kept.get("files", 0),
        bytes=kept.get("bytes", 0), with_keys=kept.get("keys", False),
    )  # fmt: skip


@SECTION.route("GET", "/assessment", "Nephoscope/assessment/read")
def get_assessment(ask: AdminRequest) -> AssessmentState:
    """Return how the assessment of the estate stands."""
    return _build_assessment(ask)


@SECTION.route("POST", "/assessment", TRIGGER, status=202)
def assess_estate(ask: AdminRequest) -> AssessmentState:
    """Assess the estate now; it begins within seconds."""
    if read_last_scan_request(ask.instance.data) is None:
        raise ApiError(
            409, "Conflict", "No scan yet: run `nephoscope scan` first to select the assessed source."
        )
    request_assessment(ask.service)
    return _build_assessment(ask)


def _build_assessment(ask: AdminRequest) -> AssessmentState:
    checkpoints, request = ask.instance.state.checkpoints, read_last_scan_request(ask.instance.data)
    asked = checkpoints.get(*ASSESS_SOON)
    when = datetime.fromisoformat(asked) if asked else None
    snapshot = ask.instance.snapshots.load_newest() if request is not None else None
    last = snapshot.build_info.when if snapshot is not None else None
    return AssessmentState(
        targets=request.targets if request is not None else (), last=last, asked=when,
        pending=when is not None and (last is None or when > last), failed=checkpoints.get(*FAILED) or "",
    )  # fmt: skip
