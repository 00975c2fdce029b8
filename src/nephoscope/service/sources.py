"""Sources of logs: set up, changed, tried and removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.ingest.live import source_setup
from nephoscope.ingest.live.source_kinds import get_source_kind
from nephoscope.ingest.live.source_test import run_test
from nephoscope.ingest.source_failures import SourceError
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.audited_values import to_audited_value
from nephoscope.service.local_user import LocalUser
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.ingestion.sources import Source

READ, WRITE, DELETE = "Nephoscope/sources/read", "Nephoscope/sources/write", "Nephoscope/sources/delete"
#: What is the server's own (its files, addresses, identity), and tokens: an owner's.
HOST = "Nephoscope/secrets/write"


@dataclass(frozen=True, slots=True)
class SourceTrial:
    """Result of a connection test of a source, and its answer or error."""

    works: bool
    message: str


def require_write(context: ServiceContext, kind: str) -> None:
    """Raise DeniedError where the actor may not set up sources of a kind; those of the server's files and addresses are an owner's."""
    context.require(WRITE)
    if kind in source_setup.OF_THE_HOST:
        context.require(HOST, why=f"a source of the kind {kind}")


def add_source(
    context: ServiceContext,
    source: Source,
    given: Mapping[str, object],
    secrets: Mapping[str, str],
    *,
    there: bool = True,
    table: Callable[[str], LakeTable | None] = lambda _: None,
) -> Source:
    """Set up a source with settings as people give them; its secrets are kept encrypted. `there`, `table` as of `setting_up.add`.

    Raises DeniedError, also for settings that are the server's own; SourceError and StateError for what cannot be.
    """
    require_write(context, get_source_kind(source.kind).name)
    detail = {
        "kind": source.kind,
        "workspace": source.workspace,
        "settings": to_audited_value(given),
        "secrets": sorted(secrets),
    }
    with context.change(WRITE, ROOT_SCOPE, source.name, act="add", **detail):
        return source_setup.add_source(
            context.state,
            source,
            given,
            secrets,
            there=there,
            table=table,
            allow=_make_privilege_check(context),
        )


def change_source(
    context: ServiceContext,
    name: str,
    given: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
    *,
    enabled: bool | None = None,
    there: bool = True,
) -> Source:
    """Change settings and secrets of a source, or let it pause or go on. Raises as `add_source`; NotFoundError where there is none."""
    context.require(WRITE)
    before = context.state.sources.get(name)
    require_write(context, before.kind)
    only_enabled = given is None and not secrets and enabled is not None
    act = ("go-on" if enabled else "pause") if only_enabled else "change"
    old = {one: value for one, value in before.settings.items() if one in (given or {})}
    detail = {
        "settings": to_audited_value(given or {}), "secrets": sorted(secrets or ()), "enabled": enabled,
        "before": to_audited_value({"settings": old, "enabled": before.enabled}),
    }  # fmt: skip
    with context.change(WRITE, ROOT_SCOPE, name, act=act, **detail):
        return source_setup.change(
            context.state,
            name,
            given,
            secrets,
            enabled=enabled,
            there=there,
            allow=_make_privilege_check(context),
        )


def remove_source(context: ServiceContext, name: str) -> None:
    """Forget a source, how far it was read, and its secrets; its rows stay. Raises DeniedError; NotFoundError where there is none."""
    context.require(DELETE)
    before = context.state.sources.get(name)
    with context.transact(
        DELETE, ROOT_SCOPE, name, kind=before.kind, workspace=before.workspace, before={"settings": to_audited_value(before.settings)}
    ):  # fmt: skip
        source_setup.remove_source(context.state, name)
        context.state.checkpoints.remove(_get_trial_place(name))


def try_source(context: ServiceContext, lake: Lake, name: str) -> SourceTrial:
    """Try whether a source can be reached, without reading from it, and keep what it said; the local user waits as long as it takes.

    Raises DeniedError, NotFoundError.
    """
    context.require(WRITE)
    require_write(context, context.state.sources.get(name).kind)
    limit: dict[str, None] = {"seconds": None} if isinstance(context.actor, LocalUser) else {}
    try:
        found = SourceTrial(True, run_test(lake, context.state, context.data, name, **limit))
    except TransientError:
        raise
    except (StateError, SourceError) as error:
        found = SourceTrial(False, str(error))
    kept = {"works": found.works, "message": found.message, "at": context.now.isoformat()}
    with context.change(WRITE, ROOT_SCOPE, name, act="test"):
        context.state.checkpoints.put(_get_trial_place(name), "page", kept)
    return found


def read_last_test_result(context: ServiceContext, name: str) -> dict[str, object]:
    """Return what the last test of a source found (`works`, `message`, `at`), {} where none was made."""
    found: dict[str, Any] = context.state.checkpoints.get(_get_trial_place(name), "page") or {}
    return found


def make_source_token(context: ServiceContext, name: str, *, revoke: bool = False) -> str:
    """Make a token that a source of the kind logs_ingestion lets in, shown this once; `revoke` ends those of before.

    Raises DeniedError; StateError for a source of another kind.
    """
    with context.change(HOST, ROOT_SCOPE, name, act="token", revoked=revoke or None):
        return source_setup.issue_source_token(context.state, name, revoke=revoke)


def _make_privilege_check(context: ServiceContext) -> source_setup.Allow:
    def allow(owned: Collection[str]) -> None:
        if owned:
            context.require(HOST, why=", ".join(owned))

    return allow


def _get_trial_place(name: str) -> str:
    return f"test:{name}"
