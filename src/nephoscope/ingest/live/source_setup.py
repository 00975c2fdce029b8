"""Source setup: create, change, test and remove sources for the command, pages and API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.connect.credentials import SignInError
from nephoscope.ingest.live.ingestion.api_tokens import create_token
from nephoscope.ingest.live.live_source import SETTINGS, WRONG_SETTINGS, SourceContext, SourceKind
from nephoscope.ingest.live.privileged_settings import list_privileged_settings
from nephoscope.ingest.live.secret_binding import merge_secrets
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings, to_stored_settings
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError
from nephoscope.state.database.database import StateError
from nephoscope.state.ingestion.source_errors import SourceErrorSummary
from nephoscope.state.ingestion.source_health import SourceHealth, format_last_errors
from nephoscope.state.ingestion.sources import Source

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.state import State

#: Kinds that read the server's own files, or listen at its addresses: these are the host's, not the estate's.
OF_THE_HOST = frozenset({"folder", "syslog", "logs_ingestion"})
TOKENS = "logs_ingestion"
#: Raises where who asks may not set these settings, which are the server's own.
Allow = Callable[[Collection[str]], None]


def add_source(
    state: State,
    source: Source,
    given: Mapping[str, object],
    secrets: Mapping[str, str],
    *,
    there: bool = True,
    table: Callable[[str], LakeTable | None] = lambda _: None,
    allow: Allow = lambda _: None,
) -> Source:
    """Keep a new source of settings as people give them, its secrets encrypted; `table` knows the lake's tables.

    `allow` raises where who asks may not set what of the settings is the server's own, before any file is looked at. SourceError,
    StateError for what cannot be and, with `there`, for files and folders that are not there and rules that cannot be.
    """
    kind = get_source_kind(source.kind)
    settings = parse_settings(kind, given)
    allow(list_privileged_settings(kind, settings))
    check_known_secrets(kind, secrets)
    check_source(kind, settings, secrets, source.name, there=there, table=table)
    if any(one.name == source.name for one in state.sources.all()):
        raise StateError(f"source {source.name!r} already exists")
    workspace = state.workspaces.get(source.workspace).name
    credential = get_credential_name(source.name) if kind.secrets else ""
    made = Source(source.name, kind.name, to_stored_settings(settings), workspace, credential, source.enabled)
    # its secrets and itself are kept together: they never become those of another that has the name by now
    with state.save_with_change(lambda session: state.sources.insert(session, made)):
        if credential:
            store_secrets(state, source.name, secrets)
    return state.sources.get(source.name)


def change(
    state: State,
    name: str,
    given: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
    *,
    enabled: bool | None = None,
    there: bool = True,
    allow: Allow = lambda _: None,
) -> Source:
    """Change a source: `given` settings and secrets take the place of those of before, the others stay; `there`, `allow` as of `add`.

    SourceSettingsError where a stored secret would go where it was not given for, StateError where another change came between.
    """
    if given is None and not secrets:
        return state.sources.set(name, enabled=enabled)
    source = state.sources.get(name)
    kind = get_source_kind(source.kind)
    allow(list_source_privileged_settings(source))
    if secrets:
        check_known_secrets(kind, secrets)
        if not source.credential:
            raise SourceSettingsError(
                f"source {name} was set up without secrets: remove it and add it with its secrets"
            )
    settings = parse_settings(kind, {**source.settings, **(given or {})})
    allow(list_privileged_settings(kind, settings))
    kept = get_source_secrets(state, source)
    check_source(kind, settings, {**kept, **(secrets or {})}, name, there=there)
    whole = merge_secrets(kind, source.settings, settings, kept, secrets or {})
    # secrets and the settings that they are for change together, and nothing that another change made meanwhile is undone
    with state.save_with_change(
        lambda session: state.sources.change(session, source, to_stored_settings(settings), enabled=enabled)
    ):
        if whole != kept:
            store_secrets(state, name, whole)
    return state.sources.get(name)


def list_source_privileged_settings(source: Source) -> tuple[str, ...]:
    """Return what of the settings of a source is the server's own; () where they cannot be, and are judged when they are mended."""
    kind = get_source_kind(source.kind)
    try:
        return list_privileged_settings(kind, parse_settings(kind, source.settings))
    except SourceSettingsError:
        return ()


def remove_source(state: State, name: str) -> None:
    """Forget a source, how far it was read, and its secrets; its rows stay."""
    source = state.sources.get(name)
    state.sources.remove(name)
    if source.credential:
        state.credentials.remove(source.credential)


def test_source(lake: Lake, state: State, data: Path, name: str) -> str:
    """Try whether a source can be reached, without reading from it: what was found; SourceError, StateError."""
    from nephoscope.ingest.live.supervisor import make_source

    try:
        source = state.sources.get(name)
        outcome = make_source(source, lake, state, data).test()
        return "; ".join(filter(None, (outcome, describe_row_destination(state, source))))
    except SignInError as error:
        raise SourceError(str(error)) from error


def describe_row_destination(state: State, source: Source) -> str:
    """Return what becomes of rows where the workspace of a source takes some tables only; '' where it takes every one."""
    workspace = state.workspaces.get(source.workspace)
    if workspace.members is None:
        return ""
    return (
        f"the workspace {workspace.name} takes rows of {', '.join(sorted(workspace.members))} only: "
        "other records go to _Quarantine"
    )


def issue_source_token(state: State, name: str, *, revoke: bool = False) -> str:
    """A new token that a source of applications lets in, which is kept as a hash; with `revoke` no other is let in any more."""
    source = state.sources.get(name)
    if source.kind != TOKENS:
        raise StateError(f"source {name} has the kind {source.kind}: tokens are available only for {TOKENS}")
    secret, hash_ = create_token()
    secrets = get_source_secrets(state, source)
    before = "" if revoke else secrets.get("tokens", "")
    store_secrets(state, name, {**secrets, "tokens": f"{before}\n{hash_}".strip()})
    return secret


def find_source_error(state: State, source: Source, health: SourceHealth | None) -> str:
    """Return what is wrong with a source now: its settings, and what it told that is not over."""
    last_errors = format_last_errors(summarize_errors(health))
    wrong = validate_settings(state, source)
    return f"{wrong}; {last_errors}" if wrong and last_errors else wrong or last_errors


def summarize_errors(health: SourceHealth | None) -> SourceErrorSummary:
    """Return the errors that a source reported, without that of its settings, which `find_source_error` reads itself."""
    if health is None:
        return SourceErrorSummary()
    others = tuple(one for one in health.standing.errors if one.key != SETTINGS)
    return SourceErrorSummary(others, health.standing.count - len(health.standing.errors) + len(others))


def validate_settings(state: State, source: Source) -> str:
    """Return what is wrong with the settings of a source, '' where nothing is."""
    try:
        kind = get_source_kind(source.kind)
        settings = parse_settings(kind, source.settings)
        check_source(kind, settings, get_source_secrets(state, source), source.name, there=False)
    except SourceSettingsError as error:
        return f"{WRONG_SETTINGS}{error}"
    except StateError as error:
        return str(error)
    return ""


def check_source(
    kind: SourceKind,
    settings: object,
    secrets: Mapping[str, str],
    name: str,
    *,
    there: bool = True,
    table: Callable[[str], LakeTable | None] = lambda _: None,
) -> None:
    """SourceError for settings that cannot be and, with `there`, for files and folders that are not there or hold what cannot be."""
    try:
        kind.check(settings, SourceContext(name, secrets=secrets, table=table))
    except SourceSettingsError:
        raise
    except SourceError:
        if there:
            raise


def check_known_secrets(kind: SourceKind, given: Mapping[str, str]) -> None:
    """SourceSettingsError for a secret that the kind does not have."""
    unknown = sorted(set(given) - set(kind.secrets))
    if unknown:
        raise SourceSettingsError(
            f"secret {', '.join(unknown)} not found: expected one of {', '.join(kind.secrets) or 'none'}"
        )


def store_secrets(state: State, name: str, secrets: Mapping[str, str]) -> str:
    """Keep the secrets of a source, encrypted; the name of the credential."""
    credential = get_credential_name(name)
    state.credentials.put(credential, msgspec.json.encode(dict(secrets)).decode())
    return credential


def get_credential_name(name: str) -> str:
    """The name under which the credentials keep the secrets of a source."""
    return f"source.{name}"


def get_source_secrets(state: State, source: Source) -> dict[str, str]:
    """The secrets of a source by name."""
    if not source.credential:
        return {}
    return msgspec.json.decode(state.credentials.get(source.credential).reveal(), type=dict[str, str])
