"""A tenant is connected in the browser: the loopback Azure of the collector's tests stands behind the server's cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure_server
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import served

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.collect import resources
from nephoscope.state import State
from nephoscope_policy.model.resource_id import ResourceId

pytestmark = [pytest.mark.system, pytest.mark.full]

SAMPLE = Path(__file__).parents[2] / "src" / "nephoscope" / "content" / "sample" / "snapshot"
TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def azure() -> Iterator[Any]:
    """The loopback Azure with one subscription of the sample estate."""
    facts = json.loads((SAMPLE.parents[1] / "azure" / "reading.json").read_text())
    found = {type_.lower(): table for table, types in facts["tables"].items() for type_ in types}
    listed = {type_.lower() for type_ in (*facts["lists"], *facts["derived"])}
    bodies = [
        json.loads(json.dumps(one.body))
        for one in resources.load([SAMPLE]).resources.values()
        if not one.type.startswith("microsoft.graph/")
    ]
    one = min({ResourceId.parse(body["id"]).subscription for body in bodies} - {""})
    kept = [body for body in bodies if ResourceId.parse(body["id"]).subscription == one]
    world = azure_server.World.of(kept, {**dict.fromkeys(listed - found.keys(), "-"), **found})
    with azure_server.serving(azure_server.Azure(world, None, page=200, quota=(500, 1.0))) as running:
        yield running


@pytest.fixture(scope="module")
def fresh(azure: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A server that has assessed nothing, with a managed identity that the loopback Azure knows: address, link, cloud."""
    data = tmp_path_factory.mktemp("connect")
    cloud = data / "loopback.json"
    names = ("resourceManager", "authority", "graph")
    cloud.write_text(json.dumps({"name": "loopback", **dict.fromkeys(names, azure.origin)}))
    with State.open_folder(data) as state:
        link = Guard(state, lambda: Hierarchy({})).create_first_link("ada")
    identity = {"IDENTITY_ENDPOINT": f"{azure.origin}/msi/token", "IDENTITY_HEADER": "secret-header"}
    with served(data, NEPHOSCOPE_CLOUD=str(cloud), **identity) as base:
        yield base, link, str(cloud)


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    context = chromium.new_context(ignore_https_errors=True)
    made = context.new_page()
    made.set_default_timeout(120_000)
    yield made
    context.close()


def test_from_an_empty_server_to_an_assessed_tenant(
    page: Page, fresh: tuple[str, str, str], azure: Any
) -> None:
    base, link, cloud = fresh
    wrong: list[str] = []
    page.on("console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{base}/link/{link}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Nothing was assessed yet").wait_for()
    page.locator("#setup").get_by_role("link", name="Connect a tenant").click()
    page.get_by_label("Name display name here").fill("loopback")
    page.get_by_label("Tenant ID").fill(TENANT)
    page.get_by_label("Credential").select_option("managed-identity")
    page.get_by_label("Cloud").select_option(cloud)
    page.get_by_label("Accounts, groups").select_option("0")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download grant.sh").click()
    assert taken.value.suggested_filename == "grant.sh"
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_text("Connected. The first collection starts within seconds").wait_for()
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_text("no permission is missing").wait_for()
    # the line of progress goes by itself, and the page then says when the tenant was collected
    expect(page.locator("#progress")).to_have_count(0, timeout=240_000)
    expect(page.locator(".page__head")).to_contain_text("collected 20", timeout=240_000)
    page.get_by_role("link", name="Inventory").click()
    vaults = [key for key in azure.world.bodies if ResourceId.parse(key).type == "microsoft.keyvault/vaults"]
    assert vaults
    for key in vaults:
        page.goto(f"{base}/inventory?q={key.rsplit('/', 1)[-1]}")
        page.get_by_role("link", name=key.rsplit("/", 1)[-1]).first.wait_for()
    # the test and the collection each ask what may be read, and nothing else is asked twice
    assert [one for one in azure.problems if "Microsoft.Authorization/permissions" not in one] == []
    assert not wrong, wrong
