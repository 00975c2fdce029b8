"""Federated credentials should trust one environment or one protected branch, and no pull request.

Judges credentials of user-assigned identities, and of applications that hold a role in a subscription. A credential for a branch
of GitHub is as narrow as that branch: it is well where the estate knows the repository and its default branch is that one and
protected, too wide where it is known to be open to pushes, and Unknown where the repository was not read.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import get_display_name, get_resource_id
from nephoscope.analyze.federated_subjects import Trust, parse_trust
from nephoscope.analyze.github_branches import TYPES as BRANCH_TYPES
from nephoscope.analyze.github_branches import read_branch_guard
from nephoscope.analyze.verdict import assess_all, join_names, make_finding, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import GITHUB_REPOSITORY, SETTINGS, get_document
from nephoscope.estate.principals import SERVICE_TYPE
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.estate.roles import ASSIGNMENT_TYPE
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

CREDENTIAL = "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials"
APPLICATION = "microsoft.graph/applications"
IDENTITIES = Key(
    "62ad8ddc-e3b3-54e4-bc9f-cf5ac8813780",
    "Federated credentials should trust one environment or protected branch",
    (CREDENTIAL,),
)
APPLICATIONS = Key(
    "ca2a2661-5d82-54f1-af13-9610bc31649c",
    "Applications with a role should trust one environment or protected branch",
    (SUBSCRIPTION_TYPE,),
)
KEYS = index_keys(IDENTITIES, APPLICATIONS)
TYPES = (
    CREDENTIAL, APPLICATION, SERVICE_TYPE, SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE, ASSIGNMENT_TYPE, *BRANCH_TYPES
)  # fmt: skip


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every credential of an identity, and every subscription by the applications in it."""
    by_app = cache(lambda: {_read_app_id(one): one for one in view.list_resources(APPLICATION)})
    services = cache(lambda: {one.id.name: one for one in view.list_resources(SERVICE_TYPE)})

    def assess_identity(credential: Resource, key: Key) -> Assessment:
        problem = _explain_problem(view, parse_trust(require_complete(credential), credential.key))
        report = report_unhealthy if problem else report_healthy
        return report(get_resource_id(credential), key, problem or "it trusts one subject")

    def assess_applications(subscription: Resource, key: Key) -> Assessment:
        grants, unsure = view.roles.find_grants(subscription.key, below=True)
        for type_ in (SERVICE_TYPE, APPLICATION):
            view.require_collected(type_, "")
        holders = {grant.principal for grant in grants if grant.principal in services()}
        apps = {_read_app_id(services()[one]) for one in holders} & by_app().keys()
        bad, unread = _find_wide_credentials(view, [by_app()[one] for one in sorted(apps)])
        if bad:
            found = [make_finding(place, f"{place}: {why}", "High") for place, why in bad.items()]
            return report_unhealthy(get_resource_id(subscription), key, f"too wide: {join_names(bad)}", found)
        if unread or unsure:
            raise DataNotCollectedError(view.roles.principals.explain(join_names([*unread, *unsure])))
        return report_healthy(
            get_resource_id(subscription), key, f"{len(apps)} applications, none trusts too much"
        )

    yield from assess_all(view.list_resources(CREDENTIAL), IDENTITIES, assess_identity)
    yield from assess_all(
        view.list_resources(SUBSCRIPTION_TYPE), APPLICATIONS, assess_applications, by_body=False
    )


def _find_wide_credentials(
    view: EstateView, applications: Iterable[Resource]
) -> tuple[dict[str, str], list[str]]:
    """The credentials of applications that trust too much with the reason of each, and what was not read."""
    bad: dict[str, str] = {}
    unread: list[str] = []
    for application in applications:
        listed = require_complete(application).get("federatedIdentityCredentials")
        if not isinstance(listed, list):
            unread.append(f"the federated credentials of {application.key}")
            continue
        for credential in listed:
            place = f"{get_display_name(application)}/{credential.get('name', '')}"
            try:
                problem = _explain_problem(view, parse_trust(credential, place))
            except DataNotCollectedError as gap:
                unread.append(gap.what)
                continue
            if problem:
                bad[place] = problem
    return bad, unread


def _explain_problem(view: EstateView, trust: Trust) -> str:
    """Explain why a trust is too wide, '' where it is narrow; DataNotCollectedError where the repository that it names was not
    read."""
    if trust.problem or not trust.repository:
        return trust.problem
    end = f"/githubowners/{trust.owner}/repos/{trust.repository}".lower()
    repository = next((one for one in view.list_resources(GITHUB_REPOSITORY) if one.key.endswith(end)), None)
    place = f"{trust.owner}/{trust.repository}"
    if repository is None:
        raise DataNotCollectedError(f"the protection of '{trust.branch}' in the GitHub repository {place}")
    default = get_document(view, SETTINGS, repository.key).get("default_branch")
    if default != trust.branch:
        raise DataNotCollectedError(
            f"the protection of '{trust.branch}', which is not the default branch of {place}"
        )
    guard = read_branch_guard(view, repository)
    if guard.protected:
        return ""
    if guard.unread:
        raise DataNotCollectedError(guard.unread)
    return f"'{trust.branch}' of {place} is not protected: anyone who can push can sign in; trust an environment instead"


def _read_app_id(resource: Resource) -> str:
    members: dict[str, object] = get_properties(resource)
    return str(members.get("appId") or resource.key).lower()
