"""Network Watcher over the sample estate: flows, next hops, effective rules and routes, connectivity, and who may ask."""

from __future__ import annotations

import pytest
from tests.api.conftest import NOW
from tests.published_sample import copy_published

from nephoscope.estate.estate_store import EstateStore

VERSION = "api-version=2024-05-01"
STRANGER = "8.8.8.8"


@pytest.fixture(scope="module")
def publish_estate(tmp_path_factory, report):
    """The sample, with its resources in the store of the estate."""

    def publish(data):
        copy_published(tmp_path_factory, data, NOW)
        EstateStore(data).append(report.run.estate, NOW)

    return publish


@pytest.fixture(scope="module")
def jump(report):
    """A machine of the sandbox that everybody reaches by SSH: its id."""
    machines = report.run.estate.list_of_type("microsoft.compute/virtualmachines")
    return next(str(one.body["id"]) for one in machines if one.name == "vm-sbx-jump")


@pytest.fixture(scope="module")
def card(report, jump):
    """Its interface: id and private address."""
    machine = report.run.estate.resources[jump.lower()]
    id_ = machine.body["properties"]["networkProfile"]["networkInterfaces"][0]["id"]
    body = report.run.estate.resources[id_.lower()].body
    return id_, body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]


@pytest.fixture
def ask(server, owner, jump):
    """Posts an action of the watcher in the machine's resource group."""
    group = jump.split("/providers/")[0]
    watcher = f"{group}/providers/Microsoft.Network/networkWatchers/watcher"

    def posted(action, headers=owner, **body):
        return server.post(
            f"{watcher}/{action}?{VERSION}", headers=headers, json={"targetResourceId": jump, **body}
        )

    return posted


def flow(card, port, **more):
    return {
        "direction": "Inbound",
        "protocol": "TCP",
        "localPort": str(port),
        "remotePort": "50000",
        "localIPAddress": card[1],
        "remoteIPAddress": STRANGER,
        **more,
    }


def test_a_flow_and_the_rule_that_decides(ask, card):
    assert ask("ipFlowVerify", **flow(card, 22)).json() == {
        "access": "Allow",
        "ruleName": "securityRules/allow-ssh-any",
    }
    assert ask("ipFlowVerify", **flow(card, 23)).json() == {
        "access": "Deny",
        "ruleName": "defaultSecurityRules/DenyAllInBound",
    }


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"direction": "Sideways"}, "direction"),
        ({"protocol": "ICMP"}, "protocol"),
        ({"localPort": "70000"}, "localPort"),
        ({"remoteIPAddress": "nowhere"}, "remoteIPAddress"),
    ],
)
def test_what_is_no_flow_is_refused(ask, card, changes, place):
    answer = ask("ipFlowVerify", **flow(card, 22, **changes))
    assert answer.status_code == 400
    assert place in answer.json()["error"]["message"]


def test_next_hops(ask, card):
    to = {"sourceIPAddress": card[1], "destinationIPAddress": STRANGER}
    found = ask("nextHop", **to).json()
    assert set(found) >= {"nextHopType", "routeTableId"}
    inside = ask("nextHop", sourceIPAddress=card[1], destinationIPAddress=card[1]).json()
    assert inside == {"nextHopType": "VnetLocal", "routeTableId": "System Route"}


def test_effective_rules_and_routes(server, owner, card):
    groups = server.post(f"{card[0]}/effectiveNetworkSecurityGroups?{VERSION}", headers=owner).json()["value"]
    rules = [rule for one in groups for rule in one["effectiveSecurityRules"]]
    assert {"securityRules/allow-ssh-any", "defaultSecurityRules/DenyAllInBound"} <= {
        one["name"] for one in rules
    }
    assert all(one["association"] for one in groups)
    routes = server.post(f"{card[0]}/effectiveRouteTable?{VERSION}", headers=owner).json()["value"]
    assert {one["nextHopType"] for one in routes} >= {"VnetLocal", "Internet", "None"}


def test_security_group_view(ask):
    (interface,) = ask("securityGroupView").json()["networkInterfaces"]
    told = interface["securityRuleAssociations"]
    assert told["effectiveSecurityRules"]
    assert any(name.endswith("Association") for name in told)


def test_connectivity(ask, jump):
    check = {
        "source": {"resourceId": jump},
        "destination": {"resourceId": jump, "port": 23},
        "protocol": "Tcp",
    }
    found = ask("connectivityCheck", **check).json()
    assert found["connectionStatus"] in ("Reachable", "Unreachable")
    assert found["hops"][0]["type"] == "Source"
    unknown = {**check, "destination": {"address": "not an address"}}
    assert ask("connectivityCheck", **unknown).status_code == 400


def test_who_may_not_read_the_machine_gets_no_answer(ask, token, card, subscriptions, jump):
    other = next(id_ for id_ in subscriptions.values() if id_ not in jump)
    headers = {"Authorization": f"Bearer {token(('Contributor', f'/subscriptions/{other}'))}"}
    assert ask("ipFlowVerify", headers=headers, **flow(card, 22)).status_code in (403, 404)
    missing = ask("ipFlowVerify", **flow(card, 22), targetNicResourceId=f"{card[0]}-other")
    assert missing.status_code == 404


def test_openings_are_rows_of_the_resource_graph(server, owner):
    query = """securityresources | where type == 'nephoscope.posture/exposures'
        | mv-expand opening = properties.openings
        | where opening.everybody == true and opening.ports == '22'
        | project id, rule = tostring(opening.rules[0])"""
    path = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
    rows = server.post(path, headers=owner, json={"query": query}).json()["data"]
    assert any("vm-sbx-jump" in one["id"].lower() and one["rule"].endswith("allow-ssh-any") for one in rows)
