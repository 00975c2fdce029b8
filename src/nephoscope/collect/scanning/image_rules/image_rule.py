"""A rule for how an image is set up: what it is called, how bad it is, and what to do."""

from __future__ import annotations

from typing import Literal

import msgspec

from nephoscope_policy.model.state import Severity


class ImageRule(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a rule.

    `title` says what should be done; `steps` are imperative sentences. `cis` is the number of the recommendation in the CIS Docker
    Benchmark 1.6.0, '' where it has none. A rule that judges `root` holds for a disk as well, one that judges `image` needs the
    image's configuration.
    """

    id: str
    title: str
    severity: Severity
    description: str
    steps: tuple[str, ...]
    judges: Literal["image", "root"] = "image"
    cis: str = ""


class ImageMatch(msgspec.Struct, frozen=True):
    """A place where a rule does not hold: what is wrong there, with the file and its layer where it is one.

    `is_unknown` says that it cannot be told whether it holds, and `message` why.
    """

    message: str
    path: str = ""
    layer: str = ""
    is_unknown: bool = False
