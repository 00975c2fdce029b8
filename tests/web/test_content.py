"""Content: every kind is listed with how it stands, filtered, switched by who may, and read back as CSV."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import tempfile
import zipfile
from pathlib import Path

import pytest
from tests.web.conftest import HERE

from nephoscope.alerts.library.content_packs import RulePacks
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.web.page_data.content_rows import KINDS

CHECKOUT = Path(__file__).parents[1] / "alerts" / "library" / "checkout"
BROKEN = CHECKOUT / "Detections" / "AzureActivity" / "NotYaml.yaml"

WAITS = "11110000-0000-0000-0000-000000000002"


def rows(client, address):
    return list(csv.DictReader(io.StringIO(client.get(address).text)))


def test_rules_are_listed_with_how_they_stand(owner):
    found = {row["Name"]: row for row in rows(owner, "/content?format=csv")}
    assert len(found) >= len(load_shipped_rules().rules)
    assert found["It runs"]["Status"] == "runs"
    assert found["It waits"]["Status"] == "needs Nowhere_CL (unknown)"
    assert found["It cannot"]["Status"] == "unsupported: no such operator"
    assert {found[name]["Enabled"] for name in ("It runs", "It waits", "It cannot")} == {"off"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_its_page_and_its_file(instance, owner, kind):
    assert owner.get(f"/content?kind={kind}").status_code == 200
    found = rows(owner, f"/content?kind={kind}&format=csv")
    if kind == "policies":
        assert len(found) == len(list(Packs(instance.data).catalog().definitions()))
    if kind == "packs":
        assert [row["Name"] for row in found] == ["checkout"]
        assert "1 runs" in found[0]["Status"]
    assert owner.get("/content?kind=nonsense").status_code == 400


def test_filters_leave_what_fits(owner):
    assert [row["Name"] for row in rows(owner, "/content?format=csv&pack=checkout&standing=unsupported")] == [
        "It cannot"
    ]
    assert [row["Name"] for row in rows(owner, "/content?format=csv&q=it+waits")] == ["It waits"]
    on = rows(owner, "/content?format=csv&on=on")
    assert on
    assert {row["Enabled"] for row in on} == {"on"}


def ticked(client, key: str) -> str:
    """What the box of a rule sends."""
    pages = (client.get(f"/content?start={start}").text for start in range(0, 1000, 100))
    return next(found[0] for page in pages if (found := re.findall(rf'name="key" value="({key} \w+)"', page)))


def test_of_many_those_that_somebody_switched_are_left_out_and_told(instance, owner, visitor):
    first = next(iter(load_shipped_rules().rules)).id
    ticks = [ticked(owner, first), ticked(owner, WAITS)]
    before = dict(one.split(" ") for one in ticks)
    other = {"on": "off", "off": "on"}
    second = visitor(("Owner", "/"))
    assert (
        second.post("/content", data={"act": other[before[first]], "key": ticks[0]}, headers=HERE).status_code
        == 303
    )
    told = owner.post("/content", data={"act": before[first], "key": ticks}, headers=HERE)
    assert told.status_code == 409
    said = told.text.split('role="alert"')[1].split("</section>")[0]
    assert f"is {'enabled' if other[before[first]] == 'on' else 'disabled'}." in said
    assert "changed by someone else meanwhile" in said
    now = instance.state.rule_switches.load_switches("default").rules
    assert (now[first], now[WAITS]) == (other[before[first]] == "on", before[first] == "on")
    back = {"act": before[first], "key": ticked(owner, first)}
    assert owner.post("/content", data=back, headers=HERE).status_code == 303


def test_rules_and_packs_are_switched(instance, owner):
    first = next(iter(load_shipped_rules().rules)).id
    address = "/content"
    form = {"act": "off", "key": [ticked(owner, first), ticked(owner, WAITS)]}
    assert owner.post(address, data=form, headers=HERE).status_code == 303
    switched = instance.state.rule_switches.load_switches("default")
    assert (switched.rules[first], switched.rules[WAITS]) == (False, False)
    again = {"act": "on", "key": [ticked(owner, first), ticked(owner, WAITS)]}
    assert owner.post(address, data=again, headers=HERE).status_code == 303
    assert instance.state.rule_switches.load_switches("default").rules[WAITS] is True
    assert owner.post(address, data={"act": "on", "key": "unknown off"}, headers=HERE).status_code == 400
    assert owner.post(address, data={"act": "on"}, headers=HERE).status_code == 400
    pack = "/content/packs/checkout"
    assert owner.post(pack, data={"act": "on", "key": "checkout off"}, headers=HERE).status_code == 303
    assert instance.state.rule_switches.load_switches("default").packs == {"checkout": True}
    assert "its rules are enabled" in owner.get(pack).text
    owner.post(pack, data={"act": "off", "key": "checkout on"}, headers=HERE)


def test_a_pack_tells_of_every_piece(owner):
    page = owner.get("/content/packs/checkout").text
    assert all(word in page for word in ("needs Nowhere_CL", "no such operator", "no query"))
    found = rows(owner, "/content/packs/checkout?format=csv&standing=refused")
    assert [row["Status"] for row in found] == ["refused: no query"]
    assert owner.get("/content/packs/none").status_code == 404


def test_coverage_of_attack(owner):
    assert "Persistence" in owner.get("/content/coverage").text
    layer = json.loads(owner.get("/content/coverage?format=navigator").text)
    assert layer["domain"] == "enterprise-attack"
    listed = {row["Technique"] for row in rows(owner, "/content/coverage?format=csv&all=1")}
    assert {
        one["techniqueID"]
        for one in json.loads(owner.get("/content/coverage?format=navigator&all=1").text)["techniques"]
    } <= listed


def test_rules_are_sent_by_a_form_and_each_is_told(instance, owner, visitor):
    rule = (CHECKOUT / "Detections" / "AzureActivity" / "LockRemoved.yaml").read_bytes()
    address, form = "/content?kind=packs", {"act": "import", "name": "sent"}
    assert 'enctype="multipart/form-data"' in owner.get(address).text
    assert 'enctype="multipart/form-data"' not in visitor(("Reader", "/")).get(address).text
    file = {"file": ("LockRemoved.yaml", rule)}
    assert visitor(("Reader", "/")).post(address, data=form, files=file, headers=HERE).status_code == 403
    assert owner.post(address, data=form, files=file).status_code == 403, "from elsewhere"
    made = owner.post(address, data=form, files=file, headers=HERE)
    assert (made.status_code, made.headers["location"]) == (303, "/content/packs/sent?workspace=default")
    assert "LockRemoved.yaml" in owner.get("/content/packs/sent").text
    RulePacks(instance.data).remove("sent")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({"file": ("x.exe", b"MZ")}, "must be a .zip, .tar.gz, .yaml, .yml or .json file", id="kind"),
        pytest.param({"file": ("x.yaml", BROKEN.read_bytes())}, "the file has no usable content", id="rule"),
        pytest.param({"file": ("x.yaml", b"")}, "select a file", id="empty"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused_with_why(owner, files, said):
    answer = owner.post("/content?kind=packs", data={"act": "import"}, files=files, headers=HERE)
    assert (answer.status_code, said in answer.text) == (400, True), answer.text[-2000:]


def test_a_file_that_is_too_large_is_told_as_that(owner):
    files = {"file": ("x.zip", b"0" * (10 << 20))}
    answer = owner.post("/content?kind=packs", data={"act": "import"}, files=files, headers=HERE)
    assert (answer.status_code, "exceeds its limit of" in answer.text) == (413, True), answer.text[-2000:]


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        pytest.param(b"id: x\n  kind: [\n", "Wrong.yaml:2", id="no YAML"),
        pytest.param(
            b"id: x\nname: n\nkind: Scheduled\nquery: '!'\nseverity: odd\n", "Wrong.yaml", id="no rule"
        ),
    ],
)
def test_a_place_in_what_was_sent_is_told_by_the_file_of_who_sent_it(
    instance, owner, archived, content, place
):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rules/Wrong.yaml", content)
    file = ("mine.zip", packed.getvalue()) if archived else ("Wrong.yaml", content)
    answer = owner.post("/content?kind=packs", data={"act": "import"}, files={"file": file}, headers=HERE)
    told = owner.get(answer.headers["location"]).text if answer.status_code == 303 else answer.text
    for name in {"mine", "wrong"} & set(RulePacks(instance.data).names()):
        RulePacks(instance.data).remove(name)
    assert tempfile.gettempdir() not in told
    assert (f"rules/{place}" if archived else place) in told


def test_a_policy_an_initiative_and_a_hunting_query_open_with_their_text(owner) -> None:
    for kind, part in (
        ("policies", "/content/policy/definition/"),
        ("initiatives", "/content/policy/initiative/"),
    ):
        listed = owner.get("/content", params={"kind": kind}).text
        address = re.findall(rf'href="({part}[^"]+)"', listed)[0]
        shown = owner.get(html.unescape(address))
        assert shown.status_code == 200, address
        assert "policyRule" in html.unescape(shown.text) or "policyDefinitions" in html.unescape(shown.text)
    address = re.findall(
        r'href="(/content/hunting/[^"]+)"', owner.get("/content", params={"kind": "hunting"}).text
    )[0]
    shown = owner.get(html.unescape(address)).text
    assert "Run in logs" in shown
    for gone in ("/content/hunting/none", "/content/policy/definition/none", "/content/policy/other/x"):
        assert owner.get(gone).status_code == 404
