"""The scope and the zone of times hold across pages; many resources are exempted at once."""

from __future__ import annotations

import csv
import html
import io

import pytest
from msgspec.structs import replace
from tests.web.conftest import HERE

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.web.visits.scope_names import map_management_groups, map_subscription_names
from nephoscope.web.visits.tag_scopes import list_tag_scopes


def listed(client, **asked):
    return list(csv.DictReader(io.StringIO(client.get("/inventory", params={"format": "csv", **asked}).text)))


def test_a_management_group_is_a_scope(instance, owner):
    made = instance.snapshots.load_newest().build_info
    group = min({one for several in made.ancestors.values() for one in several})
    below = {one for one, above in made.ancestors.items() if group in above}
    name = group.rsplit("/", 1)[-1]
    rows = listed(owner, scope=f"mg:{name}")
    assert rows
    assert {row["Id"].lower().split("/")[2] for row in rows} <= below
    assert f'value="mg:{name}" selected' in owner.get(f"/inventory?scope=mg:{name}").text


def test_management_groups_go_by_their_names(instance, owner):
    """The group above all of a tenant has the tenant's id, which people do not know by heart."""
    made = instance.snapshots.load_newest().build_info
    root = next(iter({above[-1] for above in made.ancestors.values()}))
    tenant = root.rsplit("/", 1)[-1]
    assert f'<option value="mg:{tenant}">Tenant Root Group</option>' in owner.get("/inventory").text
    under = [one for one, above in made.ancestors.items() if root in above]
    twice = {**made.tenants, "other": "tenant b"}
    named = replace(
        made,
        tenants=twice,
        ancestors={**made.ancestors, "other": (root,)},
        group_names={**made.group_names, "tenant b": {root: "B"}},
    )
    assert map_management_groups(named, under)[f"mg:{tenant}"] == "Tenant Root Group"
    assert map_management_groups(named, ["other"]) == {f"mg:{tenant}": "B"}
    both = map_management_groups(named, [*under, "other"])
    (own,) = {made.tenants[one] for one in under}
    assert both[f"mg:{tenant}@tenant b"] == "B"
    assert both[f"mg:{tenant}@{own}"] == "Tenant Root Group"
    assert f"mg:{tenant}" not in both, "it does not say which of them is meant"


def test_names_that_several_have_say_which():
    assert map_subscription_names({"2": "Prod", "1": "prod", "3": "Dev"}) == {
        "3": "Dev",
        "2": "Prod (2)",
        "1": "prod (1)",
    }


def test_a_tag_is_a_scope(instance, owner):
    found = list_tag_scopes(instance.snapshots.load_newest(), EVERYTHING)
    tag, carried = max(found.items(), key=lambda one: len(one[1].groups) + len(one[1].subscriptions))
    under = (*carried.groups, *(f"/subscriptions/{one}" for one in carried.subscriptions))
    rows = listed(owner, scope=f"tag:{tag}")
    assert 0 < len(rows) < len(listed(owner))
    assert all(f"{row['Id'].lower()}/".startswith(tuple(f"{one}/" for one in under)) for row in rows)
    assert html.escape(f"tag:{tag}") in owner.get("/", params={"scope": f"tag:{tag}"}).text


def test_a_tag_gives_nobody_more():
    group, other = "/subscriptions/a/resourcegroups/x", "/subscriptions/b/resourcegroups/y"
    reader = Reach(subscriptions=frozenset({"a"}))
    assert reader.narrow_to_groups(frozenset({"b"}), frozenset({group, other})) == Reach(
        groups=frozenset({group})
    )
    of_group = Reach(groups=frozenset({other}))
    assert of_group.narrow_to_groups(frozenset({"b"}), frozenset()) == of_group
    assert of_group.narrow_to_groups(frozenset(), frozenset({group})).is_empty


def test_the_zone_of_times_is_in_links(owner):
    text = owner.get("/incidents?zone=local&span=30d").text
    assert 'data-zone="local"' in text
    assert 'href="/inventory?span=30d&amp;zone=local"' in text
    assert 'data-zone="utc"' in owner.get("/incidents?zone=x").text


def test_many_resources_are_exempted_at_once(instance, owner, visitor):
    wanted = FindingQuery(states=frozenset({"NonCompliant"}), text="/virtualmachines/")
    findings = instance.snapshots.load_newest().findings
    tally = next(one for one in findings.tallies(EVERYTHING, wanted) if one.unhealthy > 1)
    about = FindingQuery(wanted.states, recommendations=frozenset({tally.recommendation}))
    scopes = [one.resource for one in findings.page(EVERYTHING, about, most=2)]
    address = f"/recommendations/{tally.recommendation}"
    form = {"act": "exempt", "scope": scopes, "category": "Mitigated", "reason": "patched by the vendor"}
    before = len(instance.state.arm_documents.all(["microsoft.authorization/policyexemptions"]))
    assert visitor(("Reader", "/")).post(address, data=form, headers=HERE).status_code == 403
    answer = owner.post(address, data=form, headers=HERE)
    assert answer.headers["location"].endswith("exempted=2")
    kept = instance.state.arm_documents.all(["microsoft.authorization/policyexemptions"])
    assert len(kept) == before + 2
    assert "2 exemptions kept." in owner.get(answer.headers["location"]).text


def test_tags_are_read_once_for_an_edition_and_a_reach(instance):
    snapshot = instance.snapshots.load_newest()
    one = Reach(subscriptions=frozenset(sorted(snapshot.build_info.subscriptions)[:1]))
    assert list_tag_scopes(snapshot, EVERYTHING) is list_tag_scopes(snapshot, EVERYTHING)
    assert list_tag_scopes(snapshot, one) is list_tag_scopes(snapshot, Reach(subscriptions=one.subscriptions))
    assert list_tag_scopes(snapshot, one) != list_tag_scopes(snapshot, EVERYTHING)


def test_the_picker_shows_each_visitor_their_own_and_what_is_chosen(instance, owner, visitor, sandbox):
    made = instance.snapshots.load_newest().build_info
    reader = visitor(("Security Reader", f"/subscriptions/{sandbox}"))
    others = [id_ for id_ in made.subscriptions if id_ != sandbox]
    for _ in range(2):
        whole = owner.get("/recommendations").text
        assert all(f'<option value="{one}">' in whole for one in made.subscriptions)
        own = reader.get("/recommendations").text
        assert f'<option value="{sandbox}">' in own
        assert "1 subscription<" in own
        assert not [one for one in others if one in own]
        assert f'<option value="{sandbox}" selected>' in owner.get(f"/recommendations?scope={sandbox}").text
        # a scope that others may see is no option, and reads nothing
        assert f'<option value="{others[0]}"' not in reader.get(f"/recommendations?scope={others[0]}").text


def test_a_page_of_one_visitor_is_not_drawn_for_another(owner, visitor, sandbox, instance):
    reader = visitor(("Security Reader", f"/subscriptions/{sandbox}"))
    other = next(row["Id"] for row in listed(owner) if f"/{sandbox}/" not in f"{row['Id'].lower()}/")
    for _ in range(2):
        assert owner.get(f"/resource{other.lower()}").status_code == 200
        assert reader.get(f"/resource{other.lower()}").status_code == 403
        assert other not in reader.get("/inventory").text


@pytest.mark.parametrize("scope", ["nope", "mg:nope", "tag:no=such", "00000000-0000-0000-0000-000000000000"])
def test_a_scope_that_is_none_is_told_with_a_way_back(owner, scope):
    told = owner.get("/inventory", params={"scope": scope, "state": "x", "span": "30d"})
    assert told.status_code == 404
    assert f"Scope {scope} not found" in html.unescape(told.text)
    assert 'href="/inventory?state=x&amp;span=30d"' in told.text
    assert 'href="/?span=30d"' in told.text
    assert "scope=" not in told.text, "every link of the frame leads out of it"
    assert owner.get("/inventory", params={"scope": scope, "format": "csv"}).status_code == 404


def test_a_scope_of_others_is_told_as_one_that_is_none(instance, owner, visitor, sandbox):
    reader = visitor(("Security Reader", f"/subscriptions/{sandbox}"))
    other = next(one for one in instance.snapshots.load_newest().build_info.subscriptions if one != sandbox)
    assert owner.get(f"/recommendations?scope={other.upper()}").status_code == 200
    assert reader.get(f"/recommendations?scope={sandbox}").status_code == 200
    told = reader.get(f"/recommendations?scope={other}")
    nobody = reader.get(f"/recommendations?scope={other[::-1]}")
    assert (told.status_code, nobody.status_code) == (404, 404)
    assert told.text.replace(other, "") == nobody.text.replace(other[::-1], "")


def test_the_page_of_logs_shows_types_of_the_estate_to_who_reads_them(visitor):
    """As Resource Graph does."""
    reader, whole = visitor(("Security Reader", "/")), visitor(("Reader", "/"))
    address = "/logs?workspace=estate&format=csv&query=resources | distinct type"
    found, every = (set(one.get(address).text.split()[1:]) for one in (reader, whole))
    assert "microsoft.security/automations" in found
    assert found == {
        one for one in every if one.startswith(("microsoft.security/", "microsoft.authorization/"))
    }
    assert len(found) < len(every)
