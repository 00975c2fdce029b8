"""Addresses to which this server is told to post: judged when they are kept as they are when they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.alerts.response.operator import operator
from nephoscope.alerts.response.posting import refusal
from nephoscope.api.wire.fault import Fault, bad

if TYPE_CHECKING:
    from nephoscope.api.wire.call import Call

#: How long a name server may take while somebody waits for the document to be kept.
SECONDS = 3.0


def reachable(call: Call, url: str, where: str) -> None:
    """Fault for a URL that no run would ask: none of https, or one that leads inside and is not allowed by the operator's file."""
    try:
        allowed = operator(call.instance.data).webhook.private
    except ValueError as error:
        text = "The operator's file cannot be used, so that no address is judged: nephoscope doctor."
        raise Fault(503, "ServiceUnavailable", text) from error
    if why := refusal(url, allowed, SECONDS):
        raise bad(f"The address cannot be posted to: {why}.", where, "InvalidAddress")
