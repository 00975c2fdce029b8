"""Packet captures of the network oracle: what a reader finds in a file against recorded fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nephoscope.protect.capture.analysis import analyze_capture
from nephoscope.protect.capture.capture_summary import CaptureSummary

NAMES = ("dns_names", "http_hosts", "http_uris", "tls_names", "ja3", "ja3s", "ja4")
FIELDS = ("frames", "bytes", "first", "last", "tcp_syn", "protocol_frames", "conversations", *NAMES)


def compare_capture(value: dict[str, Any], folder: Path) -> dict[str, str]:
    """What differs, by field."""
    with (folder / value["file"]).open("rb") as stream:
        summary = analyze_capture(stream)
    wanted, found = expected_of(value["expected"]), found_in(summary)
    return {name: _difference(found[name], wanted[name]) for name in FIELDS if found[name] != wanted[name]}


def expected_of(told: dict[str, Any]) -> dict[str, Any]:
    """The recorded fields; names as sets."""
    conversations = {
        (one["proto"], *sorted((tuple(one["a"]), tuple(one["b"]))), one["frames"], one["bytes"])
        for one in told["conversations"]
    }
    names = {name: set(told.get(name) or ()) for name in NAMES}
    numbers = {name: told[name] for name in ("frames", "bytes", "tcp_syn", "protocol_frames")}
    times = {name: round(told[name] * 10**6) for name in ("first", "last")}
    return {**numbers, **times, "conversations": conversations, **names}


def found_in(summary: CaptureSummary) -> dict[str, Any]:
    """The same fields of a summary."""
    conversations = {
        (one.protocol, *sorted((one.a, one.b)), one.frames, one.bytes) for one in summary.list_conversations()
    }
    names = {name: summary.first_names.get(name, set()) for name in NAMES}
    return {
        "frames": summary.frames,
        "bytes": summary.bytes,
        "tcp_syn": summary.syn,
        "first": round(summary.first * 10**6),
        "last": round(summary.last * 10**6),
        "protocol_frames": dict(summary.protocol_frames),
        "conversations": conversations,
        **names,
    }


def _difference(found: Any, wanted: Any) -> str:
    if isinstance(wanted, dict):
        keys = sorted(set(found) | set(wanted))
        return ", ".join(
            f"{key} {wanted.get(key, 0)} not {found.get(key, 0)}"
            for key in keys
            if found.get(key, 0) != wanted.get(key, 0)
        )
    if isinstance(wanted, set):
        return f"lacks {sorted(wanted - found)[:4]}, has besides {sorted(found - wanted)[:4]}"
    return f"wanted {wanted}, found {found}"
