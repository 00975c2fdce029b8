"""The lists of alerts and incidents say subscriptions and people by their names where a title has their ids."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
from tests.web.conftest import LATELY, alert

from nephoscope.state.incidents.incidents import Incident
from nephoscope.web.rendering.known_names import name_in_title

USER = "41298ad7-43f1-5cfd-b8b1-a9b09281f856"
UNKNOWN = "99999999-0000-4000-8000-000000000001"
NAME = "adm-mgmt-1@brackwater.example"


@pytest.fixture(scope="module", autouse=True)
def told(instance, sandbox):
    """An alert and an incident whose title has ids."""
    title = f"Role <given> to {USER.upper()} and {UNKNOWN} in /subscriptions/{sandbox}"
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", title, "", "High", LATELY, LATELY, LATELY, LATELY)
        )
        made = alert("0b000000-0000-0000-0000-000000000009", kept.number, title)
        entity = f'[{{"$id": "1", "Type": "account", "AadUserId": "{USER}"}}]'
        instance.state.alerts.put(session, replace(made, document={**made.document, "Entities": entity}))
    return title


@pytest.mark.parametrize("page", ["alerts", "incidents"])
def test_ids_that_the_estate_knows_are_names(owner, told, page):
    text = owner.get(f"/{page}").text
    shown = re.search(r'title="([^"]*)"><a href="[^"]*">(Role[^<]*)</a>', text)
    assert shown is not None
    assert shown[1] == told.replace("<given>", "&lt;given&gt;"), "the ids stay in the title attribute"
    assert shown[2] == f"Role &lt;given&gt; to {NAME} and {UNKNOWN} in sub-bwf-sandbox"
    rows = csv.DictReader(io.StringIO(owner.get(f"/{page}?format=csv").text))
    assert told in {row[page[:-1].capitalize()] for row in rows}, "what is kept is not changed"


def test_the_overview_says_them_alike(owner, told):
    text = owner.get("/").text
    assert f">Role &lt;given&gt; to {NAME} and {UNKNOWN} in sub-bwf-sandbox</a>" in text


def test_an_entity_is_told_by_its_name(owner):
    assert (
        f'<td class="data-list__cell data-list__optional" title="{USER}">{NAME}</td>'
        in owner.get("/alerts").text
    )


def test_who_does_not_read_the_directory_sees_the_id(visitor, told, sandbox):
    lesser = visitor(("Reader", "/workspaces/default"))
    text = lesser.get("/alerts").text
    assert NAME not in text
    assert USER in text.lower()
    assert "sub-bwf-sandbox" not in text


ONE = "11111111-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"in /subscriptions/{ONE}", "in prod"),
        (f"in /subscriptions/{ONE}, now", "in prod, now"),
        (f"in /subscriptions/{UNKNOWN}", f"in /subscriptions/{UNKNOWN}"),
        (f"in /subscriptions/{ONE}/resourceGroups/rg-a", "in rg-a"),
        (f"on /subscriptions/{ONE}/resourceGroups/rg-a/providers/Microsoft.Web/sites/shop", "on shop"),
        (f"of {ONE} and of it-{ONE}x", f"of prod and of it-{ONE}x"),
        ("plain", "plain"),
    ],
)
def test_titles(text, expected):
    assert name_in_title(text, {ONE: "prod"}) == expected
