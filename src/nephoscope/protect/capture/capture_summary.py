"""Summary of a capture: counts, conversations, names and fingerprints, each bounded."""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from nephoscope.protect.capture.fragments import Reassembly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nephoscope.protect.capture.capture_file import Frame
    from nephoscope.protect.capture.stream import Stream

#: Distinct conversations and names of a kind that are kept; what comes beyond is counted in `left_out`.
MOST_CONVERSATIONS = 1_000_000
MOST_NAMES = 200_000
MOST_CREDENTIALS = 10_000

Endpoint = tuple[str, int]


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Within, no cycles are searched for: conversations and streams are many, live until the end, and have none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Conversation(msgspec.Struct, frozen=True, gc=False):
    """Frames and bytes between two endpoints, as on the wire; `a` is the smaller endpoint."""

    protocol: str
    a: Endpoint
    b: Endpoint
    frames: int
    bytes: int


class FlowCount(msgspec.Struct, gc=False):
    """Frames and bytes of a conversation so far; no cycle can lead through it, so that none is searched for in millions."""

    frames: int = 0
    bytes: int = 0


class ClearCredential(msgspec.Struct, frozen=True):
    """A credential that crossed the network in clear text: protocol, user, the server, the frame; never the secret itself."""

    protocol: str
    user: str
    server: str
    frame: int


@dataclass(slots=True)
class CaptureSummary:
    """Findings in a capture so far; `defect` says where it is damaged ('' = it is not)."""

    frames: int = 0
    bytes: int = 0
    first: float = 0.0
    last: float = 0.0
    syn: int = 0
    resets: int = 0
    retransmissions: int = 0
    protocol_frames: Counter[str] = field(default_factory=Counter)
    flows: dict[tuple[str, Endpoint, Endpoint], FlowCount] = field(default_factory=dict)
    names: dict[str, dict[str, int]] = field(default_factory=dict)
    first_names: dict[str, set[str]] = field(default_factory=dict)
    credentials: list[ClearCredential] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    defect: str = ""
    fragments: Reassembly = field(default_factory=Reassembly)
    streams: dict[tuple[object, ...], Stream] = field(default_factory=dict)
    expected: dict[Endpoint, str] = field(default_factory=dict)

    def count_name(self, kind: str, text: str, *, is_first: bool) -> None:
        """Count a name of a kind; `first_names` has those that were the first of their kind in some frame."""
        known = self.names.get(kind)
        if known is None:
            known, self.first_names[kind] = self.names.setdefault(kind, {}), set()
        count = known.get(text, 0)
        if not count and len(known) >= MOST_NAMES:
            self.left_out[kind] += 1
            return
        known[text] = count + 1
        if is_first:
            self.first_names[kind].add(text)

    def add_credential(self, found: ClearCredential) -> None:
        """Note a credential in clear text once a server."""
        same = (found.protocol, found.user, found.server)
        if len(self.credentials) >= MOST_CREDENTIALS:
            self.left_out["credentials"] += 1
        elif all((one.protocol, one.user, one.server) != same for one in self.credentials[-50:]):
            self.credentials.append(found)

    def add(
        self,
        frame: Frame,
        protocols: Iterable[str],
        addresses: tuple[str, str] | None,
        ports: Mapping[str, tuple[int, int]],
    ) -> None:
        """Count a frame after its dissection; `ports` are by transport protocol."""
        self.protocol_frames.update(protocols)
        self.count_conversations(frame, addresses, ports)

    def count_conversations(
        self, frame: Frame, addresses: tuple[str, str] | None, ports: Mapping[str, tuple[int, int]]
    ) -> None:
        """Count a frame in the conversation of each transport protocol, between the outermost addresses."""
        for protocol, (source, target) in ports.items():
            if addresses is not None:
                self._count_flow(protocol, (addresses[0], source), (addresses[1], target), frame.length)

    def count_conversation(self, protocol: str, source: Endpoint, target: Endpoint) -> FlowCount | None:
        """The frames and bytes between two ends, to be counted on; None where there are too many conversations."""
        key = (protocol, source, target) if source <= target else (protocol, target, source)
        counts = self.flows.get(key)
        if counts is None and len(self.flows) < MOST_CONVERSATIONS:
            counts = self.flows[key] = FlowCount()
        return counts

    def _count_flow(self, protocol: str, source: Endpoint, target: Endpoint, length: int) -> None:
        counts = self.count_conversation(protocol, source, target)
        if counts is None:
            self.left_out["conversations"] += 1
            return
        counts.frames += 1
        counts.bytes += length

    def list_conversations(self) -> list[Conversation]:
        """The conversations, the largest first."""
        with pause_garbage_collection():
            found = [(-one.bytes, *key, one.frames) for key, one in self.flows.items()]
            found.sort()
            return [Conversation(protocol, a, b, frames, -size) for size, protocol, a, b, frames in found]
