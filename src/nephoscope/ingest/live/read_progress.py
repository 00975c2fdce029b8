"""Read progress of a blob or file and its identity, stored as JSON in a checkpoint."""

from __future__ import annotations

import msgspec

from nephoscope.ingest.live.content_fingerprint import ContentFingerprint


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """`offset` bytes were read under a feed of their own; `etag` is the state that was read to its end.

    What was read of a blob began with the first `blocks` blocks, `listed` is the digest over their ids; `head` and `tail` are
    (start, end, digest) of stretches at either end of it. `wrapped`: the records lie in brackets whose closing moves.
    `name` is the path of a file, `content` what was read of it, `left` when it was gone (0 = it is there), `truncated`: something else
    is written to it since. `done`: nothing is left of this state. `wide`: it is in UTF-16 or UTF-32, and `offset` counts its text in
    UTF-8.
    `cut` is the byte at which the last line begins that was read without its end (-1 = it had one).
    `whole` names the content of a blob that was read in one go: its size and a hash ('' = it was not).
    """

    feed: str
    offset: int = 0
    etag: str = ""
    created: str = ""
    wrapped: bool = False
    wide: bool = False
    done: bool = False
    blocks: int = 0
    listed: str = ""
    head: tuple[int, int, str] = (0, 0, "")
    tail: tuple[int, int, str] = (0, 0, "")
    name: str = ""
    content: ContentFingerprint = ContentFingerprint()
    left: float = 0.0
    truncated: bool = False
    whole: str = ""
    cut: int = -1

    @classmethod
    def of(cls, kept: object) -> Progress:
        """From a checkpoint."""
        return msgspec.convert(kept, cls)

    def to_checkpoint(self) -> dict[str, object]:
        """Return the progress as the JSON object of a checkpoint."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found
