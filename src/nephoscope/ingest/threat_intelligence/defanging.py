"""Defanging: restore addresses and URLs such as hxxp://, [.], (dot), [at]."""

from __future__ import annotations

import re

_PATTERNS = (
    (re.compile(r"(?i)^h(?:xx|\*\*|\[tt\]|tt)p(s?)\s*(?:\[:\]|:|\[://\])(?://)?"), r"http\1://"),
    (re.compile(r"(?i)^(?:fxp|f\*p)(s?)(?:\[:\]|:)//"), r"ftp\1://"),
    (re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[\.|\.\]|\\\."), "."),
    (re.compile(r"(?i)\s*[\[({]\s*(?:dot|punkt)\s*[\])}]\s*"), "."),
    (re.compile(r"(?i)\s*[\[({]\s*(?:at|@)\s*[\])}]\s*"), "@"),
    (re.compile(r"\[:\]"), ":"),
    (re.compile(r"\[/\]"), "/"),
)
_IPV6_IN_URL = re.compile(r"^[a-z]+://\[[0-9a-fA-F:.]+\]")


def refang(text: str) -> str:
    """The value that a defanged one means; one that is not stays as it is."""
    found = text.strip()
    if _IPV6_IN_URL.match(found):
        return found
    for pattern, value in _PATTERNS:
        found = pattern.sub(value, found)
    return found
