"""Forms of a page as a browser sends them: with what is hidden in them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from httpx import Response
from starlette.testclient import TestClient
from tests.web.conftest import HERE


def etag(page: str) -> str:
    """The state that the forms of a page say they were drawn of."""
    (found,) = set(re.findall(r'name="etag" value="([^"]+)"', page))
    return found


def tick(page: str, name: str, key: object) -> str:
    """What the box of a row sends that is ticked."""
    sent = (unescape(one) for one in re.findall(rf'name="{name}" value="([^"]+)"', page))
    (found,) = [one for one in sent if str(key) in one.split(" ")]
    return found


def sent(client: TestClient, address: str, form: dict[str, Any], page: str | None = None) -> Response:
    """What comes of a form of a page, of the one that is there now where no earlier one is given."""
    drawn = client.get(address).text if page is None else page
    return client.post(address, data={"etag": etag(drawn), **form}, headers=HERE)
