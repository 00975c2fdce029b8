"""The api-version of a request: any of the right form is taken, as clients of one server send different ones for the same thing.

Source: https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/common-api-details.md (api-version)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nephoscope.api.wire.azure_error import make_bad_request_error

#: No calendar is asked: Azure has versions such as 2017-20-01-preview.
_FORM = re.compile(r"\d{4}-\d\d-\d\d(?:-preview)?", re.IGNORECASE | re.ASCII)


def check_api_version(query: Mapping[str, str]) -> None:
    """Fault where a query string has no api-version, or one of another form."""
    given = next((one for name, one in query.items() if name.lower() == "api-version"), "")
    if not given:
        problem = "The api-version query parameter (?api-version=) is required for all requests."
        raise make_bad_request_error(problem, "api-version", "MissingApiVersionParameter")
    if not _FORM.fullmatch(given):
        problem = f"The api-version '{given[:60]}' is invalid: expected a date such as 2021-06-01 or 2021-06-01-preview."
        raise make_bad_request_error(problem, "api-version", "InvalidApiVersionParameter")
