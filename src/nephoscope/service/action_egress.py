"""Action egress: validate target addresses of actions when they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.automation.actions import event_hub
from nephoscope.automation.egress_policy import explain_refusal
from nephoscope.automation.operator_policy import OperatorPolicy, load_operator_policy
from nephoscope.automation.rule import AutomationError

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

#: How long a name server may take while somebody waits for the document to be kept.
SECONDS = 3.0


class AddressError(AutomationError):
    """An address that no run would send to."""


class OperatorFileError(Exception):
    """The operator's file cannot be used, so that no address is judged."""


def check_url(context: ServiceContext, url: str, path: str) -> None:
    """Raise AddressError for a URL that is none of https, or that leads inside and is not allowed by the operator's file."""
    if why := explain_refusal(url, _read_operator(context).webhook.private, SECONDS):
        raise AddressError(path, f"The address is blocked by the egress policy: {why}.")


def check_hub(context: ServiceContext, connection: str, path: str) -> None:
    """Raise AddressError for a connection string of no event hub of Azure, nor of a broker that the operator's file names."""
    if why := event_hub.explain_refusal(connection, _read_operator(context).event_hub):
        raise AddressError(path, f"The address is blocked by the egress policy: {why}.")


def _read_operator(context: ServiceContext) -> OperatorPolicy:
    try:
        return load_operator_policy(context.data)
    except ValueError as error:
        raise OperatorFileError(str(error)) from error
