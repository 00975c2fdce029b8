"""What a round over the parts of a source brought, told to health part by part."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.sources.live.source import WHOLE, Sink, SourceError


def told_round(sink: Sink, prefix: str, parts: Mapping[str, str]) -> None:
    """Tell of each part why it failed, '' where it worked; raises SourceError where every part failed.

    Parts that earlier rounds told of and this one does not have are no longer asked for.
    """
    failed = {name: error for name, error in parts.items() if error}
    for name, error in failed.items():
        sink.note(error=error, key=f"{prefix}{name}")
    sink.only(prefix, [f"{prefix}{name}" for name in failed])
    sink.worked(*(f"{prefix}{name}" for name in parts if name not in failed))
    if len(failed) == len(parts):
        raise SourceError(next(iter(failed.values())))
    sink.worked(WHOLE)
