"""Translate errors of the automation service into API faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.automation.rule import AutomationError
from nephoscope.service.action_egress import AddressError, OperatorFileError


@contextmanager
def translate_automation_errors() -> Iterator[None]:
    """Raise as a Fault what is wrong with an automation, an address, or the operator's file."""
    try:
        yield
    except AddressError as error:
        raise make_bad_request_error(error.reason, error.path, "InvalidAddress") from error
    except AutomationError as error:
        raise make_bad_request_error(error.reason, error.path) from error
    except OperatorFileError as error:
        text = "The operator's file cannot be used, so that no address is judged: nephoscope doctor."
        raise ApiError(503, "ServiceUnavailable", text) from error
