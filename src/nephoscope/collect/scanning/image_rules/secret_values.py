"""Values of an image's configuration that look like secrets, by their names and by the rules for secrets in files."""

from __future__ import annotations

import re

from nephoscope.collect.secrets.secret_rules import compile_allowed_secrets
from nephoscope.collect.secrets.secrets_in_files import find_secrets

_NAME = re.compile(
    r"passw(?:or)?d|passphrase|api_?key|(?:^|_)(?:pass|pwd|secrets?|tokens?|credentials?|private_?key|access_?key|secret_?key)(?:$|_)",
    re.IGNORECASE,
)
#: Names that only speak of a secret: where it is, how long it holds.
_ABOUT = re.compile(
    r"_(?:file|path|dir|url|uri|name|endpoint|timeout|ttl|expiry|length|version|id|hash|algorithm)$",
    re.IGNORECASE,
)
#: Values that are filled in elsewhere, or are switches.
_NO_VALUE = re.compile(r"\$|/run/secrets/|(?i:true|false|yes|no|none|null|required|\d{1,4})\Z|<|\{\{")
_LEAST = 4


def is_secret(name: str, value: str) -> bool:
    """Return whether a value is a secret: by the name that it is given, or by what it looks like."""
    if holds_secret(f"{name}={value}\n") or holds_secret(f'{name}="{value}"\n'):
        return True
    named = _NAME.search(name) is not None and not _ABOUT.search(name)
    _, _, no_secret = compile_allowed_secrets()
    return named and len(value) >= _LEAST and not _NO_VALUE.match(value) and not no_secret.search(value)


def holds_secret(text: str) -> bool:
    """Return whether a text holds a secret by the rules for files."""
    return bool(find_secrets("environment", text.encode("utf-8", "surrogatepass")).places)
