"""Access tokens of the server: issue one to a program that proved who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.instance import Instance
    from nephoscope.state.access.principals import Principal

ISSUE = "Nephoscope/tokens/action"


def issue_token(
    instance: Instance,
    principal: Principal,
    base: str,
    audience: str,
    *,
    by: str,
    address: str,
    secret: str = "",
    **detail: str,
) -> str:
    """Issue a token of the server at `base`, and audit it with the endpoint `by` which it was asked for.

    `secret` is the id of the secret that was shown, '' where the machine of the principal was known.
    """
    token = instance.tokens.issue(principal, audience, f"{base}/{instance.tenant}", secret=secret)
    audit_detail = {"secret": secret} if secret else detail
    with instance.state.transaction() as session:
        instance.state.audit.add(session, principal.name, ISSUE, by, address=address, detail=audit_detail)
        if not secret:
            instance.state.principals.record_use(session, "", principal.id)
    return token
