"""How pages write ids and texts that hold them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

import pytest

from nephoscope.model.resource_names import shorten_ids, shorten_name
from nephoscope.web.rendering import time_elements
from nephoscope.web.rendering.formatting import format_size
from nephoscope_kql.types import KqlType

GROUP = "/subscriptions/eb155ef4-1d65-5ec9-86a4-a36e8760c440/resourcegroups/rg-data"
ACCOUNT = f"{GROUP}/providers/microsoft.storage/storageaccounts/stdata"


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        (ACCOUNT, "stdata"),
        (f"{ACCOUNT}/blobservices/default", "stdata/default"),
        (f"{GROUP}/providers/microsoft.network/virtualnetworks/default", "default"),
        (GROUP, "rg-data"),
        ("/", "tenant"),
    ],
)
def test_a_resource_is_called_by_its_name(id_: str, name: str) -> None:
    assert shorten_name(id_) == name


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (f"Many blobs: {ACCOUNT}/blobservices/default", "Many blobs: stdata/default"),
        (f"192.0.2.9, {ACCOUNT}", "192.0.2.9, stdata"),
        (f"Somebody read {ACCOUNT}.", "Somebody read stdata."),
        (f"{ACCOUNT} <b>", "stdata <b>"),
        ("nothing to shorten /subscriptions/x", "nothing to shorten /subscriptions/x"),
    ],
)
def test_a_text_names_resources_by_name(text: str, written: str) -> None:
    assert shorten_ids(text) == written


def test_a_time_is_an_element_that_says_its_moment() -> None:
    when = datetime(2026, 11, 25, 21, 16, 5, 700, tzinfo=timezone(timedelta(hours=-5)))
    iso, said = "2026-11-26T02:16:05.000700+00:00", "2026-11-26 02:16:05 UTC"
    assert time_elements.render_moment(when) == f'<time datetime="{iso}">{said}</time>'
    assert (
        time_elements.render_moment("2026-11-26T02:16:05Z")
        == f'<time datetime="2026-11-26T02:16:05+00:00">{said}</time>'
    )
    old = datetime.now(UTC) - timedelta(days=3)
    assert time_elements.format_age(old).endswith(' UTC">3 days ago</time>')
    assert "data-ago" in time_elements.format_age(old)


def test_a_cell_of_a_result_is_a_time_by_its_kind_alone() -> None:
    text = "2026-11-26T02:16:05.1234567Z"
    assert (
        time_elements.render_cell(text, KqlType.DATETIME)
        == f'<time datetime="{text}" data-exact>{text}</time>'
    )
    for kind in (KqlType.STRING, None):
        assert time_elements.render_cell(text, kind) == text
    assert time_elements.render_cell("", KqlType.DATETIME) == ""


def test_no_template_wraps_a_time_twice() -> None:
    paths = sorted(Path(str(files("nephoscope.web") / "templates")).rglob("*.html"))
    assert paths
    twice = re.compile(r"<time[^>]*>[^<]*\|\s*(moment|ago)\b")
    assert [one.name for one in paths if twice.search(one.read_text())] == []


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (1500, "1,500 bytes"), (4096, "4 KiB"), (1 << 30, "1 GiB"), (5 << 40, "5,120 GiB")],
)  # fmt: skip
def test_a_size_is_said_in_the_largest_whole_unit(count: int, said: str) -> None:
    assert format_size(count) == said
