"""Analyse a capture: every packet through the dissectors, into one summary."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, BinaryIO

from nephoscope.protect.capture import dissectors
from nephoscope.protect.capture.capture_file import CaptureError, Frame, read_frames
from nephoscope.protect.capture.capture_summary import CaptureSummary, pause_garbage_collection
from nephoscope.protect.capture.dissectors.link import LINKS
from nephoscope.protect.capture.packet import MalformedError, Packet
from nephoscope.protect.capture.plain_packets import PlainPackets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.protect.capture.packet import Dissector


def load_dissectors() -> dict[str, Dissector]:
    """Every dissector by its name."""
    found: dict[str, Dissector] = {}
    for module in iter_modules(dissectors.__path__):
        found |= getattr(import_module(f"{dissectors.__name__}.{module.name}"), "DISSECTORS", {})
    return found


def analyze_capture(stream: BinaryIO) -> CaptureSummary:
    """Summarise a capture; a defect ends it and is named in the summary. Raises CaptureError where it is no capture at all."""
    summary = CaptureSummary()
    try:
        with pause_garbage_collection():
            _add_frames(read_frames(stream), summary)
    except CaptureError as error:
        if not summary.frames and str(error).startswith("not a"):
            raise
        summary.defect = str(error)
    return summary


def _add_frames(frames: Iterable[Frame], summary: CaptureSummary) -> None:
    """Take frames into a summary; their number, bytes and times are there also where a defect ends them."""
    known = load_dissectors()
    plain = PlainPackets(summary, known)
    take = plain.dissect_frame
    first = last = None
    count = size = 0
    try:
        for frame in frames:
            first = first or frame
            last = frame
            count += 1
            size += frame.length
            if not take(frame):
                _dissect_packet(Packet(frame, summary, known))
    finally:
        plain.finish()
        summary.streams.clear()
        summary.frames, summary.bytes = count, size
        if first is not None and last is not None:
            summary.first, summary.last = first.seconds, last.seconds


def _dissect_packet(packet: Packet) -> None:
    frame: Frame = packet.frame
    name = LINKS.get(frame.link)
    try:
        if name is None:
            packet.summary.left_out[f"frames of link type {frame.link}"] += 1
            packet.call_data(frame.data)
        else:
            packet.call(name, frame.data)
    except (MalformedError, IndexError):
        packet.summary.left_out["malformed packets"] += 1
    packet.summary.add(frame, packet.protocols.keys(), packet.addresses, packet.ports)
