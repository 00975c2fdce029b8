"""Secrets of documents that people put: they are not kept with the document."""

from __future__ import annotations

from typing import Any

from nephoscope.model.secret_redaction import is_secret_key, redact_text

#: Where a request that a document describes has its headers and parameters, and the names there that say who asks.
_REQUEST = ("headers", "queryparameters")
_SIGNING = frozenset({
    "authorization", "proxy-authorization", "cookie", "ocp-apim-subscription-key", "subscription-key", "x-functions-key",
    "sig", "code", "key",
})  # fmt: skip


def strip_secrets(value: object, within: str = "") -> Any:
    """A document with null in the place of its passwords, keys and what a request is signed with; tags are no secrets.

    `within` is the name under which the value stands: `{"password": {"value": ...}}` is a secret too.
    """
    if isinstance(value, dict):
        return {
            name: one
            if name == "tags"
            else None
            if isinstance(one, str) and _is_secret(name, one, within)
            else strip_secrets(one, name)
            for name, one in value.items()
        }
    return [strip_secrets(one, within) for one in value] if isinstance(value, list) else value


def _is_secret(name: str, text: str, within: str) -> bool:
    if is_secret_key(name) or name.lower() == "authorizationcode":
        return True
    if within.lower().startswith(_REQUEST):
        return name.lower() in _SIGNING or redact_text(text) != text
    return name.lower() == "value" and is_secret_key(within)
