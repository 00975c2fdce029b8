"""Recognize pipeline variables that hold secrets by their names; values are never read."""

from __future__ import annotations

import re

_AZURE_KEY = re.compile(
    r"(?:^|_)(?:AZURE_CREDENTIALS?|(?:AZURE|ARM|AAD)_CLIENT_SECRET|AZURE_STORAGE_(?:KEY|CONNECTION_STRING)|AZURE_PUBLISH_PROFILE)$",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PWD|PASSPHRASE|CREDENTIALS?|PAT|CONNECTION_?STRING"
    r"|(?:PRIVATE|API|ACCESS|ACCOUNT|STORAGE|SIGNING|DEPLOY|SSH|ENCRYPTION|SECRET)_?KEY)"
    r"(?:_(?:\d+|PROD(?:UCTION)?|STAGING|TEST|DEV|BASE64|B64))?$",
    re.IGNORECASE,
)


def names_azure_key(name: str) -> bool:
    """Say whether a variable of this name holds a long-lived key of Azure."""
    return _AZURE_KEY.search(name) is not None


def names_secret(name: str) -> bool:
    """Say whether a variable of this name holds a secret: the name ends in what secrets are called."""
    return _SECRET.search(name) is not None or names_azure_key(name)
