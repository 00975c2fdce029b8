"""Secret binding: a stored secret is valid only for its target; a new target needs the secret again."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nephoscope.ingest.live.live_source import SourceKind
from nephoscope.ingest.live.source_kinds import to_stored_settings
from nephoscope.ingest.source_failures import SourceSettingsError


def merge_secrets(
    kind: SourceKind,
    before: Mapping[str, object],
    settings: object,
    secrets: Mapping[str, str],
    given: Mapping[str, str],
) -> dict[str, str]:
    """The secrets of a source after a change, from those that are stored and those that are given.

    Where settings that bind secrets are other ones than `before`, those that were stored are dropped; SourceSettingsError
    names the settings
    and the stored secrets that are used and were not given anew.
    """
    moved = _find_moved_settings(kind, before, to_stored_settings(settings)) if secrets else []
    if not moved:
        return {**secrets, **given}
    missing = sorted({*kind.uses(settings)} & {*secrets} - {*given})
    if missing:
        raise SourceSettingsError(f"{', '.join(moved)} changed: enter {', '.join(missing)} again")
    return dict(given)


def _find_moved_settings(
    kind: SourceKind, before: Mapping[str, object], after: Mapping[str, object]
) -> list[str]:
    """The settings that bind secrets and are other ones after a change, in the order of the kind."""
    return [
        one.encode_name
        for one in msgspec.structs.fields(kind.settings)
        if one.encode_name in kind.binds
        and before.get(one.encode_name, one.default) != after[one.encode_name]
    ]
