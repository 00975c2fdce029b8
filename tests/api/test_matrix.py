"""Every operation, asked by every role, in and out of its scope: what may be done is what the declared permission and the role say."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from nephoscope.access.roles import ROLES, Role
from nephoscope.api.wire.operation import ANYONE, OWN, PUBLIC, OperationRegistry

OPERATIONS = [one for one in OperationRegistry.load_all_operations() if one.permission != PUBLIC]
ROLE_NAMES = [one.name for one in ROLES]
#: A parameter -> what is asked for; the others are asked for by a name that nothing has.
KNOWN = {
    "namespace": "Microsoft.Compute",
    "workspaceName": "default", "workspaceId": "default", "workspace": "default", "ruleId": "default",
    "rest": "virtualMachines", "policyStatesResource": "latest", "policyStatesSummaryResource": "latest", "version": "v1.0",
    "stream": "Microsoft-Syslog", "bookmarkId": "0b0d9b3e-6f4e-4b11-9a53-1f6ef4c0a1aa", "name": "0b0d9b3e-6f4e-4b11-9a53-1f6ef4c0a1aa",
}  # fmt: skip
#: Kinds of the providers whose collected documents are asked for by any path.
REST = {
    "Microsoft.Security": "settings",
    "Microsoft.PolicyInsights": "policyMetadata",
    "Microsoft.SecurityInsights": "settings",
}
BODIES = {
    "/v1/workspaces": {"query": "print 1"},
    "/v2/rest": {"csl": "print 1"},
    "/v1/rest/mgmt": {"csl": ".show tables"},
}


@pytest.fixture(scope="module")
def scopes(instance, subscriptions):
    """(what is asked about, somewhere else): each a subscription and a workspace."""
    instance.state.workspaces.add("other")
    inside, outside = (subscriptions[name] for name in ("sub-bwf-erp-prod", "sub-bwf-data-prod"))
    return (inside, "default"), (outside, "other")


@pytest.fixture(scope="module")
def tokens(token, scopes):
    """(role, whether in scope) -> headers."""
    return {
        (role, inside): {
            "Authorization": f"Bearer {token((role, f'/subscriptions/{subscription}'), (role, f'/workspaces/{workspace}'))}"
        }
        for role in ROLE_NAMES
        for inside, (subscription, workspace) in ((True, scopes[0]), (False, scopes[1]))
    } | {(role, None): {"Authorization": f"Bearer {token((role, '/'))}"} for role in ROLE_NAMES}


def whole(operation) -> bool:
    """Whether it needs its role at the tenant: it is of the directory, or changes what no subscription or workspace holds."""
    held = {"scope", "subscriptionId", "resourceId", "workspaceName", "ruleId"}
    of_directory = operation.template.text.startswith("/{version}/")
    if "managementGroupId" in operation.template.parameters:
        return True
    return of_directory or (operation.changes and not held & set(operation.template.parameters))


def scoped(operation) -> bool:
    """Whether its path names a subscription, a scope or a workspace."""
    return bool(
        {"scope", "subscriptionId", "resourceId", "resourceScope", "workspaceName"}
        & set(operation.template.parameters)
    )


@pytest.fixture(scope="module")
def secrets(instance, scopes):
    """What nobody else may be told: the ids of the resources of the subscription that is asked about."""
    from nephoscope.model.read_scope import EVERYTHING

    listing = instance.snapshots.load_newest().listing
    page = listing.page(listing.resource_types(), EVERYTHING, f"/subscriptions/{scopes[0][0]}", most=1000)
    found = [str(one["id"]).lower() for one in page.bodies]
    assert len(found) > 50
    return found


def asked(operation, subscription: str) -> str:
    """A path of an operation about a subscription."""

    def filled(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("scope", "resourceId", "resourceScope"):
            return f"subscriptions/{subscription}"
        if name == "subscriptionId":
            return subscription
        if name == "resourceGroupName":
            return "rg-erp-app"
        if name == "rest":
            return next(
                (word for provider, word in REST.items() if f"{provider}/" in operation.template.text),
                KNOWN["rest"],
            )
        return KNOWN.get(name, "none")

    return re.sub(r"\{(\w+)\}", filled, operation.template.text)


def answer(server, operation, subscription: str, headers):
    path = asked(operation, subscription)
    body = next((one for begin, one in BODIES.items() if path.startswith(begin)), {})
    body = (
        []
        if "dataCollectionRules" in path
        else {"query": "resources | project id"}
        if "ResourceGraph" in path
        else body
    )
    given = {"json": body} if operation.method in ("PUT", "POST", "PATCH") else {}
    address = f"{path}?api-version=2023-01-01&$top=50&query=print%201"
    return server.request(operation.method, address, headers=headers, **given)


def _taking_turns() -> dict[str, list[Role]]:
    """An operation's name -> one role that may and one that may not: those that were asked least often before it."""
    turns: Counter[tuple[str, bool]] = Counter()
    chosen: dict[str, list[Role]] = {}
    for operation in OPERATIONS:
        chosen[operation.name] = []
        for may in (True, False):
            side = [role for role in ROLES if role.allows(operation.permission) is may]
            if side:
                role = min(side, key=lambda one: turns[one.name, may])
                turns[role.name, may] += 1
                chosen[operation.name].append(role)
    return chosen


TURNS = _taking_turns()


def asking(operation, full: bool) -> list[Role]:
    """Every role where the counts are full; else one that may and one that may not, by turns."""
    return list(ROLES) if full else TURNS[operation.name]


@pytest.mark.sampled(4, each=lambda given: [one.name for one in TURNS[given["operation"].name]])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation(server, operation, tokens, scopes, secrets, pytestconfig):
    subscription = scopes[0][0]
    assert answer(server, operation, subscription, {}).status_code == 401
    for role in asking(operation, pytestconfig.getoption("--full")):
        for inside in (None, True, False):
            told = answer(server, operation, subscription, tokens[role.name, inside])
            may = (inside is None or (inside and not whole(operation))) and role.allows(operation.permission)
            assert told.status_code < 500 or told.json()["error"]["code"] == "NotAssessed", told.text
            if may:
                assert told.status_code != 403, (role.name, told.text)
            elif operation.changes or (scoped(operation) and operation.lets != OWN):
                assert told.status_code == 403, (role.name, inside, told.text)
            elif told.status_code == 200:
                assert not [one for one in secrets if one in told.text.lower()], (role.name, inside)


def of_surface(given) -> str:
    """The kind of an operation: its surface."""
    return given["operation"].surface


#: What Azure, too, answers everybody who is signed in.
OPEN = {
    "Tenants_List",
    "Subscriptions_List",
    "PolicyInsights_Operations",
    "Security_Operations",
    "SecurityInsights_Operations",
}


@pytest.mark.sampled(18, each=of_surface)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_who_has_no_role_is_refused_and_shown_no_empty_list(server, operation, scopes, token):
    told = answer(server, operation, scopes[0][0], {"Authorization": f"Bearer {token()}"})
    assert (operation.name in OPEN) is (operation.lets == ANYONE)
    if operation.name in OPEN:
        assert told.status_code == 200
    else:
        assert told.status_code == 403, told.text


NOWHERE = "0badcafe-0000-4000-8000-000000000000"


@pytest.mark.sampled(18, each=of_surface)
@pytest.mark.parametrize(
    "operation",
    [
        one
        for one in OPERATIONS
        if scoped(one) and one.lets != OWN and "workspaceName" not in one.template.parameters
    ],
    ids=lambda one: one.name,
)
def test_an_unknown_subscription(server, operation, tokens, scopes):
    """Who may read everywhere is told that there is none; another is told the same of it as of one that is there."""
    told = answer(server, operation, NOWHERE, tokens["Owner", None])
    assert (told.status_code, told.json()["error"]["code"]) == (404, "SubscriptionNotFound"), told.text
    elsewhere = tokens["Owner", False]
    unknown, forbidden = (answer(server, operation, one, elsewhere) for one in (NOWHERE, scopes[0][0]))
    assert unknown.status_code == forbidden.status_code == 403, (unknown.text, forbidden.text)
    assert unknown.text.replace(NOWHERE, "") == forbidden.text.replace(scopes[0][0], "")


def test_every_role_is_asked_in_turn():
    """A role is asked what it may, and what it may not, however few operations want its permission."""
    asked_of = {
        (role.name, role.allows(one.permission)) for one in OPERATIONS for role in asking(one, full=False)
    }
    possible = {(role.name, role.allows(one.permission)) for one in OPERATIONS for role in ROLES}
    assert asked_of == possible


#: Roles of operations that Azure has not: tests/admin asks for these.
OF_OUR_OWN_API = {"Pipeline Publisher", "Image Requester", "Credential Checker", "Machine Enrolment"}


def test_the_matrix_says_yes_and_no():
    """Every role may do something, and none but the owner everything; who sends results of pipelines, something of our own API."""
    for role in ROLES:
        allowed = [one for one in OPERATIONS if role.allows(one.permission)]
        assert bool(allowed) is (role.name not in OF_OUR_OWN_API)
        assert (len(allowed) == len(OPERATIONS)) is (role.name == "Owner")
