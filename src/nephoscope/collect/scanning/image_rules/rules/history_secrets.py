"""Secrets should not be in the history of an image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope.collect.scanning.image_rules.secret_values import holds_secret, is_secret
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-secret-in-history",
    title="Secrets should not be in the history of an image",
    severity=Severity.HIGH,
    description=(
        "The commands that built an image stay in its history with the values of their arguments, for everybody who"
        " can pull it."
    ),
    steps=(
        "Pass the secret by RUN --mount=type=secret instead of ARG.",
        "Rotate the secret: anyone who has pulled the image has it.",
    ),
    cis="4.10",
)

_ASSIGNED = re.compile(r"(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_]{2,60})=(\"[^\"]*\"|'[^']*'|[^\s;|&]+)")
#: Passwords that programs take as an option: the login of curl and wget, and what is named so.
_OPTION = re.compile(
    r"\b(?:curl|wget)\b[^\n;|&]{0,500}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,100}:(?P<login>[^\s\"']{4,200})"
    r"|\s--(?:password|passwd|token|api-key|secret)[ =][\"']?(?P<named>[^\s\"';|&-][^\s\"';|&]{3,200})"
)
_SET = re.compile(r"^(?:/bin/sh -c #\(nop\)\s+)?ENV\s")


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each step of the history that assigns or holds a secret; the value is not told. ENV has a rule of its own."""
    for place, step in enumerate(image.history, 1):
        said = step.created_by
        if _SET.search(said):
            continue
        named = (found[1] for found in _ASSIGNED.finditer(said) if is_secret(found[1], found[2].strip("\"'")))
        name = next(named, "")
        if name:
            yield ImageMatch(f"step {place} of the history assigns {name}, which looks like a secret")
        elif holds_secret(said) or any(
            is_secret("password", found["login"] or found["named"]) for found in _OPTION.finditer(said)
        ):
            yield ImageMatch(f"step {place} of the history holds what looks like a secret")
