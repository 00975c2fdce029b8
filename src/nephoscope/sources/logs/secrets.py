"""Secrets in log records: masked before a row is made, so that no table, bag or quarantine entry has them.

Only what is a secret by its shape is masked (shared access signatures, keys of connection strings, bearer and JSON web tokens,
private keys, passwords in URLs and in assignments); hashes and ids stay: detections need them.
"""

from __future__ import annotations

import re
from typing import Any

from nephoscope.model.secret import MASK

#: A quick look over the bytes of a record: where it finds nothing, no string needs to be looked at.
_SUSPECT = re.compile(
    rb"(?i)sig=|sig%3d|(?:key|password|passwd|pwd|secret|signature|token|code)\s*(?:=|%3d|\\?\"\s*:)"
    rb"|bearer\s|eyJ[a-z0-9_-]{8}|PRIVATE KEY|://[^/\s:@\"]+:[^@/\s\"]+@"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)([?&;]|\b|%26|%3f)(sig)(=|%3d)[^&\s\"'<>]{6,}"), rf"\g<1>\g<2>\g<3>{MASK}"),
    (
        re.compile(
            r"(?i)([?&;])(access_token|refresh_token|id_token|token|client_secret|code|key|subscription-key|api_?key|password|passwd|pwd)(=|%3d)[^&\s\"'<>]{4,}"
        ),
        rf"\g<1>\g<2>\g<3>{MASK}",
    ),
    (
        re.compile(
            r"(?i)\b((?:account|sharedaccess|shared|access|primary|secondary|api)key|password|passwd|pwd|sharedaccesssignature|client_?secret)(\s*=\s*)[^;&\s\"'<>]{4,}"
        ),
        rf"\g<1>\g<2>{MASK}",
    ),
    (
        re.compile(
            r"(?i)(\"(?:[a-z]*password|passwd|pwd|client_?secret|access_?token|refresh_?token|id_?token|shared_?key|account_?key|private_?key|sas_?token)\\?\"\s*:\s*\\?\")[^\"\\]+"
        ),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[a-z0-9._~+/=-]{8,}"), rf"\g<1>{MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), MASK),
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)?"
        ),
        MASK,
    ),
    (re.compile(r"(://[^/\s:@\"]{1,256}:)[^@/\s\"]{1,256}(@)"), rf"\g<1>{MASK}\g<2>"),
)
_SECRET_KEYS = frozenset(
    (
        *(
            "password",
            "passwd",
            "pwd",
            "adminpassword",
            "clientsecret",
            "client_secret",
            "accesstoken",
            "access_token",
        ),
        *(
            "refreshtoken",
            "refresh_token",
            "idtoken",
            "id_token",
            "accountkey",
            "sharedkey",
            "privatekey",
            "private_key",
        ),
        "sastoken",
    )
)


def suspect(data: bytes) -> bool:
    """Whether the text of a record may hold a secret."""
    return _SUSPECT.search(data) is not None


def masked(text: str) -> str:
    """The text with its secrets as `***`."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def masked_value(value: Any, key: str = "") -> Any:
    """A copy of a JSON value with its secrets as `***`; everything else is as it was."""
    if isinstance(value, dict):
        return {name: masked_value(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [masked_value(item, key) for item in value]
    if not isinstance(value, str) or not value:
        return value
    return MASK if key.lower() in _SECRET_KEYS else masked(value)
