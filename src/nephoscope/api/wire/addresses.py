"""Addresses to which this server is told to post: judged when they are kept as they are when they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.api.wire.fault import Fault, bad
from nephoscope.automation.actions import event_hub
from nephoscope.automation.egress_policy import refusal
from nephoscope.automation.operator import Operator, operator

if TYPE_CHECKING:
    from nephoscope.api.wire.call import Call

#: How long a name server may take while somebody waits for the document to be kept.
SECONDS = 3.0


def hub_allowed(call: Call, connection: str, where: str) -> None:
    """Fault for a connection string that leads to no event hub of Azure, nor to a broker that the operator's file names."""
    if why := event_hub.refusal(connection, _operator(call).event_hub):
        raise bad(f"The address cannot be sent to: {why}.", where, "InvalidAddress")


def reachable(call: Call, url: str, where: str) -> None:
    """Fault for a URL that no run would ask: none of https, or one that leads inside and is not allowed by the operator's file."""
    if why := refusal(url, _operator(call).webhook.private, SECONDS):
        raise bad(f"The address cannot be posted to: {why}.", where, "InvalidAddress")


def _operator(call: Call) -> Operator:
    try:
        return operator(call.instance.data)
    except ValueError as error:
        text = "The operator's file cannot be used, so that no address is judged: nephoscope doctor."
        raise Fault(503, "ServiceUnavailable", text) from error
