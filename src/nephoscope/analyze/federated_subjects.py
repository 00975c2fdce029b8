"""Read what a federated identity credential trusts: which repository, branch, environment or service account signs in by it.

Source: https://docs.github.com/actions/reference/security/oidc, https://learn.microsoft.com/graph/api/resources/federatedidentitycredential,
https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials
"""

from __future__ import annotations

import re

import msgspec

from nephoscope.analyze.devops_verdicts import get_nested_value
from nephoscope.estate.data_gap import DataNotCollectedError

GITHUB_ISSUER = "token.actions.githubusercontent.com"
_CLAIM = re.compile(r"claims\['(\w+)'\]\s+(eq|matches)\s+'([^']*)'")
_GITHUB_SUBJECT = re.compile(r"repo:(?P<owner>[^/:]+)/(?P<repo>[^:]+)(?::(?P<context>.*))?", re.DOTALL)
_BRANCH = "ref:refs/heads/"


class Trust(msgspec.Struct, frozen=True):
    """Trust of a federated credential: `problem` says why it is too broad ('' = it is narrow).

    A credential for a branch of a GitHub repository is as narrow as the protection of that branch: then `owner`, `repository` and
    `branch` name it.
    """

    problem: str = ""
    owner: str = ""
    repository: str = ""
    branch: str = ""


def parse_trust(credential: dict[str, object], place: str) -> Trust:
    """Read a credential (`issuer`, and `subject` or `claimsMatchingExpression`); DataNotCollectedError where it has neither."""
    subject = credential.get("subject")
    issuer = str(credential.get("issuer") or "")
    expression = credential.get("claimsMatchingExpression")
    if isinstance(expression, dict):
        return _assess_flexible_subject(issuer, str(get_nested_value(expression, "value") or ""), place)
    if isinstance(subject, str) and subject:
        return _assess_exact_subject(issuer, subject)
    raise DataNotCollectedError(
        f"subject of {place}: only the beta version of Graph returns flexible credentials"
    )


def _assess_flexible_subject(issuer: str, expression: str, place: str) -> Trust:
    claims = {name: (operator, value) for name, operator, value in _CLAIM.findall(expression)}
    if "sub" not in claims:
        if "job_workflow_ref" in claims and "*" not in claims["job_workflow_ref"][1]:
            return Trust()
        raise DataNotCollectedError(f"the subject condition in the expression of {place}")
    operator, value = claims["sub"]
    if operator == "eq" or not re.search(r"[*?]", value):
        return _assess_exact_subject(issuer, value)
    head, _, context = value.partition(":ref:")
    if re.search(r"[*?]", head):
        return Trust(f"'{value}' matches more than one repository, environment or trigger")
    return Trust(f"'{value}' matches many refs ({context}): anyone who can push one of them can sign in")


def _assess_exact_subject(issuer: str, subject: str) -> Trust:
    if "*" in subject:
        return Trust(
            f"'{subject}' has a wildcard, which Entra ID takes literally: it was meant for more than one subject"
        )
    if GITHUB_ISSUER not in issuer.lower():
        return Trust()
    found = _GITHUB_SUBJECT.fullmatch(subject)
    if found is None:
        return Trust()
    context = found["context"] or ""
    if context == "pull_request":
        return Trust("any pull request workflow can sign in, regardless of who wrote the change")
    if context.startswith("environment:"):
        return Trust()
    if context.startswith(_BRANCH):
        return Trust("", found["owner"], found["repo"], context.removeprefix(_BRANCH))
    if context.startswith("ref:refs/tags/"):
        return Trust("a tag is trusted, and anyone with write access can move it")
    return Trust() if context else Trust("every workflow of the repository signs in, of any branch")
