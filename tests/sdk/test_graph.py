"""msgraph-sdk, unmodified: the directory as the sample has it, and identity risk as rows of the lake tell it."""

from __future__ import annotations

import json
import time
import uuid
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.sdk.graph_client import run_with_graph

with warnings.catch_warnings():
    # the client uses what its own library calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.identity_protection.risky_users.confirm_compromised.confirm_compromised_post_request_body import (
        ConfirmCompromisedPostRequestBody,
    )
    from msgraph.generated.identity_protection.risky_users.dismiss.dismiss_post_request_body import (
        DismissPostRequestBody,
    )
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError
    from msgraph.generated.models.risk_level import RiskLevel
    from msgraph.generated.models.risk_state import RiskState
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.full]
DIRECTORY = Path(__file__).parents[2] / "src/nephoscope/content/sample/snapshot/tenant/directory.json"


@pytest.fixture(scope="module")
def graph(server):
    """Runs what is done with a client of some program."""
    address, authority, _ = server

    def run(program, work):
        return run_with_graph(address, authority, program, work)

    return run


@pytest.fixture(scope="module")
def directory():
    """Kind -> the objects of the sample's file."""
    found: dict[str, dict] = {}
    for one in json.loads(DIRECTORY.read_text())["value"]:
        kind = one["type"].rpartition("/")[2].lower()
        found.setdefault(kind, {})[one["properties"]["id"]] = one["properties"]
    return found


async def every(first, builder):
    """All objects, page by page as the client is told."""
    found, page = [], first
    while True:
        found += page.value
        if not page.odata_next_link:
            return found
        page = await builder.with_url(page.odata_next_link).get()


def test_users_page_by_page(owner, graph, directory):
    async def work(client):
        options = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(top=10, select=["id", "userType"])
        first = await client.users.get(RequestConfiguration(query_parameters=options))
        assert (len(first.value), bool(first.odata_next_link)) == (10, True)
        return await every(first, client.users)

    found = graph(owner, work)
    wanted = directory["users"]
    assert {one.id: one.user_type for one in found} == {id_: one["userType"] for id_, one in wanted.items()}
    assert all(one.display_name is None for one in found), "what was not selected is not told"


def test_a_search_and_counts(owner, graph, directory):
    async def work(client):
        def options(**several):
            asked = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(**several)
            found = RequestConfiguration(query_parameters=asked)
            found.headers.add("ConsistencyLevel", "eventual")
            return found

        nobody = await client.users.get(options(search='"displayName:zzzz"', count=True))
        some = await client.users.get(options(search='"displayName:adm"', count=True, top=1))
        counting = RequestConfiguration()
        counting.headers.add("ConsistencyLevel", "eventual")
        number = await client.users.count.get(counting)
        with pytest.raises(ODataError) as refused:
            await client.users.get(options(expand=["memberOf"]))
        return nobody, some, number, refused.value.error

    nobody, some, number, error = graph(owner, work)
    users = directory["users"].values()
    assert (nobody.value, nobody.odata_count) == ([], 0)
    wanted = sum("adm" in one["displayName"].split("-") for one in users)
    assert (len(some.value), some.odata_count, number) == (1, wanted, len(users))
    assert (error.code, "memberOf" in error.message) == ("Request_UnsupportedQuery", True)


def test_groups_and_their_members(owner, graph, directory):
    async def work(client):
        groups = await client.groups.get()
        one = next(group for group in groups.value if directory["groups"][group.id].get("members"))
        return groups, one, await client.groups.by_group_id(one.id).members.get()

    groups, one, members = graph(owner, work)
    assert {group.id for group in groups.value} == directory["groups"].keys()
    assert [member.id for member in members.value] == directory["groups"][one.id]["members"]


def test_service_principals_and_second_factors(owner, graph, directory):
    async def work(client):
        return (
            await client.service_principals.get(),
            await client.reports.authentication_methods.user_registration_details.get(),
        )

    principals, details = graph(owner, work)
    assert {one.id for one in principals.value} == directory["serviceprincipals"].keys()
    wanted = {id_: one["isMfaRegistered"] for id_, one in directory["userregistrationdetails"].items()}
    assert {one.id: one.is_mfa_registered for one in details.value} == wanted


def test_the_directory_is_told_to_nobody_of_a_part(clients, graph, sample):
    reader = clients(("Reader", f"/subscriptions/{sample.subscriptions['sub-bwf-erp-prod']}"))

    async def work(client):
        for one in (client.users, client.groups, client.identity_protection.risky_users):
            with pytest.raises(ODataError) as told:
                await one.get()
            assert (told.value.response_status_code, told.value.error.code) == (
                403, "Authorization_RequestDenied",
            )  # fmt: skip

    graph(reader, work)


def test_risk_from_nothing_to_a_decision(owner, clients, graph):
    async def nothing(client):
        for one in (client.identity_protection.risk_detections, client.identity_protection.risky_users):
            with pytest.raises(ODataError) as told:
                await one.get()
            assert (told.value.response_status_code, told.value.error.code) == (501, "NotAssessed")

    graph(owner, nothing)
    ada, bob = str(uuid.uuid4()), str(uuid.uuid4())
    _send(clients, ada, bob)

    async def read(client):
        users = await client.identity_protection.risky_users.get()
        detections = await client.identity_protection.risk_detections.get()
        return {one.id: one for one in users.value}, detections.value

    users, (detection,) = _soon(lambda: graph(owner, read), lambda found: len(found[0]) == 2 and found[1])
    assert (users[ada].risk_level, users[ada].risk_state) == (RiskLevel.High, RiskState.AtRisk)
    assert (detection.user_id, detection.risk_event_type, detection.location.city) == (
        ada, "anonymizedIPAddress", "Oslo",
    )  # fmt: skip

    async def decide(client):
        risky = client.identity_protection.risky_users
        await risky.confirm_compromised.post(ConfirmCompromisedPostRequestBody(user_ids=[ada]))
        await risky.dismiss.post(DismissPostRequestBody(user_ids=[bob]))

    graph(owner, decide)

    async def states(client):
        risky = client.identity_protection.risky_users
        return {one: (await risky.by_risky_user_id(one).get()).risk_state for one in (ada, bob)}

    wanted = {ada: RiskState.ConfirmedCompromised, bob: RiskState.Dismissed}
    assert _soon(lambda: graph(owner, states), lambda found: found == wanted) == wanted


def _send(clients, ada: str, bob: str) -> None:
    """What a diagnostic setting of Entra ID streams, by the Logs Ingestion protocol."""
    publisher = clients(("Monitoring Metrics Publisher", "/workspaces/default"))
    when = datetime.now(UTC).isoformat()

    def user(id_: str, level: str) -> dict:
        return {
            "TimeGenerated": when, "Id": id_, "RiskLevel": level, "RiskState": "atRisk", "RiskDetail": "none",
            "RiskLastUpdatedDateTime": when,
        }  # fmt: skip

    detection = {
        "TimeGenerated": when, "Id": str(uuid.uuid4()), "UserId": ada, "RiskEventType": "anonymizedIPAddress",
        "RiskLevel": "high", "RiskState": "atRisk", "Location": {"city": "Oslo"}, "DetectedDateTime": when,
    }  # fmt: skip
    publisher.ingestion.upload("default", "Microsoft-AADRiskyUsers", [user(ada, "high"), user(bob, "low")])
    publisher.ingestion.upload("default", "Microsoft-AADUserRiskEvents", [detection])


def _soon(ask, enough):
    """What is answered when it is enough, within a minute; a refusal is asked again."""
    until = time.monotonic() + 60
    while True:
        try:
            found = ask()
        except ODataError:
            if time.monotonic() > until:
                raise
            continue
        if enough(found) or time.monotonic() > until:
            return found
