"""Labels of images and the formats that settings ask of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.shell.command import ShellWord
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions

_COMMIT = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")
_VERSION = re.compile(
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
#: A license of SPDX is named by letters and a version; the words are those of the license list's families.
_LICENSE = re.compile(
    r"(?:0BSD|(?:A|L)?GPL|Apache|Artistic|BSD|BSL|BUSL|CC0?|CDDL|CECILL|CPL|ECL|EPL|EUPL|GFDL|IPL|ISC|MIT|MPL|MS|MulanPSL|NCSA|ODbL|OFL"
    r"|OpenSSL|PHP|PostgreSQL|PSF|Python|Ruby|SSPL|Unicode|Unlicense|UPL|W3C|WTFPL|X11|Zlib|zlib|ZPL|Vim|Beerware|curl|JSON|BSL)"
    r"(?:-[0-9A-Za-z.+-]+)?\+?"
)
_LICENSE_WORD = re.compile(r"\s+(?:AND|OR|WITH)\s+|[()\s]+")


def label_words(file: Dockerfile, stage: int | None = None) -> Iterator[tuple[str, str, ShellWord]]:
    """Give key, value and word of each label, of one stage where it is named."""
    for instruction in file.list_instructions("LABEL"):
        if stage is not None and instruction.stage != stage:
            continue
        words = instruction.words
        if len(words) > 1 and "=" not in words[0].text and not words[1].text.startswith("="):
            yield words[0].text, " ".join(word.text for word in words[1:]), words[0]
            continue
        for word in words:
            key, equals, value = word.text.partition("=")
            if key and (equals or word is words[0]):
                yield key, value, word


def find_invalid_labels(file: Dockerfile, options: CodeOptions, form: str, what: str) -> Iterator[CodeMatch]:
    """Give the labels of a format whose value is not of it; values with variables are left out."""
    for key, value, word in label_words(file):
        if options.label_formats.get(key) == form and "$" not in value and not _is_valid(value, form):
            yield CodeMatch(word.span, f"the label {key} is {what}")


def _is_valid(value: str, form: str) -> bool:
    if form == "url":
        return _is_url(value)
    if form == "rfc3339":
        return _is_time(value)
    if form == "spdx":
        return all(_LICENSE.fullmatch(part) for part in _LICENSE_WORD.split(value) if part) and bool(value)
    pattern = {"hash": _COMMIT, "semver": _VERSION, "email": _EMAIL}.get(form)
    return bool(value) if pattern is None else bool(pattern.fullmatch(value))


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path))


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
