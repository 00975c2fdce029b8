"""The description is true: whatever is sent, no answer is a fault of the server, and every answer is as it is described.

Valid requests, invalid ones and ones about things that are there, made from the description by schemathesis.
"""

from __future__ import annotations

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.config import SchemathesisConfig

from nephoscope.access.openid import OpenId, OpenIdError
from nephoscope.admin.wire.openapi import build_document
from nephoscope.admin.wire.route import PREFIX, list_routes
from nephoscope.state.access.principals import PrincipalKind, SecretKind

#: A role that there is not, an issuer without TLS: what is well-formed need not be possible.
NOT_ASKED = [checks.positive_data_acceptance]
FEW = settings(max_examples=6, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=300, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def api(app, owner):
    refusals = [400, 401, 403, 404, 405, 409, 413, 415]
    config = SchemathesisConfig.from_dict(
        {
            # every request has its credential: none is wrong for want of one
            "generation": {"with-security-parameters": False},
            "checks": {"negative_data_rejection": {"expected-statuses": refusals}},
        }
    )
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config, headers=owner)


@pytest.fixture(scope="module")
def known(instance):
    """Names of things that are there."""
    state = instance.state
    with state.transaction() as session:
        eve = state.principals.add(session, PrincipalKind.PERSON, "eve")
        role = state.principals.grant(session, eve.id, "Reader", "/", "test")
    instance.guard.make_secret(eve, SecretKind.TOKEN, "test")
    (secret,) = state.principals.secrets([SecretKind.TOKEN], eve.id)
    return {"id": eve.id, "secret": secret.id, "name": "default", "role": role.id}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No provider can be reached, so that a made-up issuer asks nobody."""

    def asked(*_, **__):
        raise OpenIdError("it is not reachable", down=True)

    monkeypatch.setattr(OpenId, "_fetch_json", asked)


def asked(api, route, owner, mode, how, change=lambda parameters: parameters) -> None:
    """Ask a route what schemathesis makes of its description, and check every answer against that."""
    operation = api[PREFIX + route.path][route.method]

    @how
    @given(case=operation.as_strategy(generation_mode=mode))
    def all_of_them(case):
        case.path_parameters.update(change(dict(case.path_parameters)))
        case.call_and_validate(headers=owner, excluded_checks=NOT_ASKED)

    all_of_them()


#: What can be sent wrongly: a route that takes nothing cannot be asked with something wrong.
TAKING = [one for one in list_routes() if one.parameters or one.query or one.body]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("route", list_routes(), ids=lambda one: one.name)
def test_what_is_described(api, route, owner):
    asked(api, route, owner, GenerationMode.POSITIVE, FEW)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("route", TAKING, ids=lambda one: one.name)
def test_what_is_not_described(api, route, owner):
    asked(api, route, owner, GenerationMode.NEGATIVE, FEW)


@pytest.mark.parametrize("route", [one for one in list_routes() if one.parameters], ids=lambda one: one.name)
def test_about_what_is_there(api, route, owner, known):
    def there(parameters):
        return {name: known[name] for name in parameters if name in known}

    asked(api, route, owner, GenerationMode.POSITIVE, FEW, there)


@pytest.mark.full
@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda one: one.value
)
@pytest.mark.parametrize("route", TAKING, ids=lambda one: one.name)
def test_much(api, route, owner, mode):
    asked(api, route, owner, mode, MANY)


def test_the_document_is_openapi():
    made = build_document()
    assert made["openapi"] == "3.1.0"
    names = [one["operationId"] for each in made["paths"].values() for one in each.values()]
    assert len(names) == len(set(names)) == len(list_routes())
    for shape in made["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(shape)


def test_every_route_says_what_it_does():
    assert not [one.name for one in list_routes() if not one.doc.endswith(".")]
