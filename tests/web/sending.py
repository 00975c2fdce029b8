"""Forms of a page as a browser sends them: with what is hidden in them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from httpx import Response
from starlette.testclient import TestClient
from tests.web.conftest import HERE


def etag(page: str, act: str = "") -> str:
    """The state that the form of an act says it was drawn of, or where none says that act the forms of a page."""
    forms = [one for one in re.findall(r"<form.*?</form>", page, re.DOTALL) if 'name="etag"' in one]
    wanted = [one for one in forms if f'name="act" value="{act}"' in one] or forms
    (found,) = {one for form in wanted for one in re.findall(r'name="etag" value="([^"]+)"', form)}
    return found


def tick(page: str, name: str, key: object) -> str:
    """What the box of a row sends that is ticked."""
    sent = (unescape(one) for one in re.findall(rf'name="{name}" value="([^"]+)"', page))
    (found,) = {one for one in sent if str(key) in one.split(" ")}
    return found


def sent(client: TestClient, address: str, form: dict[str, Any], page: str | None = None) -> Response:
    """What comes of a form of a page, of the one that is there now where no earlier one is given."""
    drawn = client.get(address).text if page is None else page
    return client.post(address, data={"etag": etag(drawn, form.get("act", "")), **form}, headers=HERE)
