"""The content security policy of pages: everything from the server itself, nothing inline.

Source: https://www.w3.org/TR/CSP3/
"""

from __future__ import annotations

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def with_nonce(nonce: str) -> str:
    """The policy of one answer whose scripts may add style sheets that carry a nonce, as the query editor does."""
    return POLICY.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")
