"""Analyse a capture: every packet through the dissectors, into one summary."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, BinaryIO

from nephoscope.protect.capture import dissectors
from nephoscope.protect.capture.capture_file import CaptureError, Frame, read_frames
from nephoscope.protect.capture.capture_summary import CaptureSummary
from nephoscope.protect.capture.dissectors.link import LINKS
from nephoscope.protect.capture.packet import MalformedError, Packet

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Dissector


def load_dissectors() -> dict[str, Dissector]:
    """Every dissector by its name."""
    found: dict[str, Dissector] = {}
    for module in iter_modules(dissectors.__path__):
        found |= getattr(import_module(f"{dissectors.__name__}.{module.name}"), "DISSECTORS", {})
    return found


def analyze_capture(stream: BinaryIO) -> CaptureSummary:
    """Summarise a capture; a defect ends it and is named in the summary. Raises CaptureError where it is no capture at all."""
    summary, known = CaptureSummary(), load_dissectors()
    frames = read_frames(stream)
    try:
        for frame in frames:
            _dissect(Packet(frame, summary, known))
    except CaptureError as error:
        if not summary.frames and str(error).startswith("not a"):
            raise
        summary.defect = str(error)
    return summary


def _dissect(packet: Packet) -> None:
    frame: Frame = packet.frame
    name = LINKS.get(frame.link)
    try:
        if name is None:
            packet.call_data(frame.data)
        else:
            packet.call(name, frame.data)
    except (MalformedError, IndexError):
        packet.summary.left_out["malformed packets"] += 1
    packet.summary.add(frame, packet.protocols.keys(), packet.addresses, packet.ports)
