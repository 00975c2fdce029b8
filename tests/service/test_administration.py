"""The administration of the server below its faces: who may call what, and that each call is one entry with its change."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from tests.arrangement import strictly
from tests.service.acting import SUBSCRIPTION, context_of

from nephoscope.access import provider_tests
from nephoscope.access.authenticator import DeniedError, Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.collect.azure.collection_settings import CollectError
from nephoscope.collect.azure.tenant_connection import TenantSecrets
from nephoscope.collect.facts.fact_report import FactReport, list_claims
from nephoscope.model.resource_binding import bind_resource
from nephoscope.posture.governance.effective_policy import EffectivePolicy
from nephoscope.posture.scans import tenants as posture_tenants
from nephoscope.service import (
    arm_documents,
    assessment_requests,
    credentials,
    exemptions,
    external_facts,
    principals,
    sign_in_providers,
    sources,
    tenants,
    workspaces,
)
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.access.principals import Principal, PrincipalKind, SecretKind
from nephoscope.state.access.sign_in_providers import SignInProvider
from nephoscope.state.audit.audit import Audit
from nephoscope.state.database.concept_registry import load_tables
from nephoscope.state.estate.external_facts import ExternalFacts
from nephoscope.state.estate.tenants import Tenant, TenantConnection
from nephoscope.state.ingestion.sources import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID, CLIENT = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
SECRET = "very~secret~text"
CONNECTION = TenantConnection(ID, "secret", CLIENT)
IDENTITY = TenantConnection("", "managed-identity")
KEY = "c2VjcmV0LWtleS1vZi10aGUtaHVi"
STRING = f"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=read;SharedAccessKey={KEY}"
HUB = {"brokers": "ns.servicebus.windows.net:9093", "topics": "logs"}
CHANGERS, OWNER = {"Owner", "Contributor"}, frozenset({"Owner"})
MACHINE = f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
ARC = f"{SUBSCRIPTION}/resourcegroups/g/providers/microsoft.hybridcompute/machines"
THERE = frozenset({"/", SUBSCRIPTION})
ABOUT = {
    "exemptionCategory": "Waiver",
    "metadata": {"nephoscope": {"recommendations": ["11111111-0000-0000-0000-000000000001"]}},
}
EXEMPTIONS = "Microsoft.Authorization/policyExemptions"
PATCHES = "Microsoft.HybridCompute/machines/patchAssessmentResults"
PROVIDER = SignInProvider("entra", "Entra ID", f"https://login.microsoftonline.com/{ID}/v2.0", CLIENT)
ROLES = (
    "Owner",
    "Contributor",
    "Security Admin",
    "Security Reader",
    "Reader",
    "Monitoring Metrics Publisher",
)
SCOPES = ("/", "/workspaces/soc", SUBSCRIPTION)


@dataclass(frozen=True)
class Verb:
    """A call, the entry that it leaves, and the roles that may make it, at which scopes."""

    call: Callable[[ServiceContext], Any]
    operation: str
    target: str
    roles: frozenset[str] = frozenset(CHANGERS)
    secrets: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset({"/"})


def _tenant(context: ServiceContext, **changes: Any) -> Tenant:
    return replace(context.state.tenants.get("contoso"), **changes)


def _person(context: ServiceContext, name: str = "ada") -> Principal:
    return next(one for one in context.state.principals.all() if one.name == name)


def _exemption(name: str) -> dict[str, Any]:
    id_ = f"{SUBSCRIPTION}/providers/{EXEMPTIONS}/{name}"
    return {"id": id_, "name": name, "type": EXEMPTIONS, "properties": ABOUT}


def _nothing_governs(_: str) -> EffectivePolicy:
    return EffectivePolicy.of(Path(), None, frozenset(), [])


def _claims(context: ServiceContext, machine: str) -> list[ExternalFacts]:
    latest = {"id": f"{ARC}/{machine}/patchAssessmentResults/latest", "properties": {"status": "Succeeded"}}
    return list(list_claims(FactReport(f"{ARC}/{machine}", NOON, (latest,)), context.now))


def _guard(context: ServiceContext) -> Guard:
    return Guard(context.state, lambda: Hierarchy({}))


VERBS = {
    "add_workspace": Verb(
        lambda it: workspaces.add_workspace(it, "new", {"days": 30}), workspaces.WRITE, "workspace new"
    ),
    "change_workspace": Verb(
        lambda it: workspaces.change_workspace(it, "soc", {"days": 1}), workspaces.WRITE, "workspace soc"
    ),
    "set_table_retention": Verb(
        lambda it: workspaces.set_table_retention(it, "soc", "Heartbeat", 1),
        workspaces.TABLE_WRITE,
        "table Heartbeat",
    ),
    "connect_tenant": Verb(
        lambda it: tenants.connect_tenant(it, Tenant("fabrikam", CONNECTION), TenantSecrets(SECRET)),
        tenants.WRITE, "tenant fabrikam", secrets=(SECRET,),
    ),
    "connect_tenant as the server": Verb(
        lambda it: tenants.connect_tenant(it, Tenant("fabrikam", IDENTITY), TenantSecrets()),
        tenants.WRITE, "tenant fabrikam", OWNER,
    ),
    "change_tenant": Verb(
        lambda it: tenants.change_tenant(it, _tenant(it, hours=3.0), TenantSecrets("another~" + SECRET)),
        tenants.WRITE, "tenant contoso", secrets=(SECRET,),
    ),
    "change_tenant to the server's identity": Verb(
        lambda it: tenants.change_tenant(it, _tenant(it, connection=IDENTITY)),
        tenants.WRITE, "tenant contoso", OWNER,
    ),
    "remove_tenant": Verb(
        lambda it: tenants.remove_tenant(it, "contoso"), tenants.DELETE, "tenant contoso"
    ),
    "add_source": Verb(
        lambda it: sources.add_source(it, Source("hub", "event_hub", {}), HUB, {"password": STRING}, there=False),
        sources.WRITE, "hub", secrets=(KEY,),
    ),
    "add_source of the server's files": Verb(
        lambda it: sources.add_source(it, Source("files", "folder", {}), {"paths": "/var/log/x"}, {}, there=False),
        sources.WRITE, "files", OWNER,
    ),
    "change_source": Verb(
        lambda it: sources.change_source(it, "known", {"topics": "other"}, {"password": STRING}, there=False),
        sources.WRITE, "known", secrets=(KEY,),
    ),
    "change_source to pause": Verb(
        lambda it: sources.change_source(it, "known", enabled=False), sources.WRITE, "known"
    ),
    "remove_source": Verb(lambda it: sources.remove_source(it, "known"), sources.DELETE, "known"),
    "make_source_token": Verb(
        lambda it: sources.make_source_token(it, "ingest"), sources.HOST, "ingest", OWNER
    ),
    "add_principal": Verb(
        lambda it: principals.add_principal(it, PrincipalKind.PROGRAM, "deploy"), principals.WRITE, "deploy", OWNER
    ),
    "add_principal with a role": Verb(
        lambda it: principals.add_principal(it, PrincipalKind.PROGRAM, "deploy", role="Owner"), principals.WRITE, "deploy", OWNER
    ),
    "disable_principal": Verb(
        lambda it: principals.disable_principal(it, _person(it)), principals.WRITE, "ada", OWNER
    ),
    "link_subject": Verb(
        lambda it: principals.link_subject(it, _person(it), "https://login sub"), principals.WRITE, "ada", OWNER
    ),
    "bind_principal": Verb(
        lambda it: principals.bind_principal(it, _person(it, "agent"), bind_resource(MACHINE, "", "", ())),
        principals.WRITE, "agent", OWNER,
    ),
    "grant_role": Verb(
        lambda it: principals.grant_role(it, _person(it), "Owner", "/"), principals.ROLE_WRITE, "ada", OWNER
    ),
    "revoke_role": Verb(
        lambda it: principals.revoke_role(it, it.state.principals.roles(_person(it).id)[0]),
        principals.ROLE_DELETE, "ada", OWNER,
    ),
    "make_secret": Verb(
        lambda it: principals.make_secret(it, _guard(it), _person(it), SecretKind.TOKEN, "ci", timedelta(days=1)),
        principals.SECRET_WRITE, "ada", OWNER,
    ),
    "drop_secret": Verb(
        lambda it: principals.drop_secret(it, _person(it), it.state.principals.secrets(list(SecretKind), _person(it).id)[0].id),
        principals.SECRET_DELETE, "ada", OWNER,
    ),
    "end_sessions": Verb(
        lambda it: principals.end_sessions(it, _person(it)), "Nephoscope/sessions/delete", "ada", OWNER
    ),
    "put_provider": Verb(
        lambda it: sign_in_providers.put_provider(it, PROVIDER, "another~" + SECRET),
        sign_in_providers.WRITE, "entra", OWNER, secrets=(SECRET,),
    ),
    "remove_provider": Verb(
        lambda it: sign_in_providers.remove_provider(it, "entra"), sign_in_providers.DELETE, "entra", OWNER
    ),
    "ask_provider_test": Verb(
        lambda it: sign_in_providers.ask_provider_test(it, "entra"), sign_in_providers.WRITE, "entra", OWNER
    ),
    "put_facts": Verb(
        lambda it: external_facts.put_facts(it, _claims(it, "new")), f"{PATCHES}/write", f"{ARC}/new/patchassessmentresults/latest",
        scopes=THERE,
    ),
    "remove_facts": Verb(
        lambda it: external_facts.remove_facts(it, f"{ARC}/known/patchAssessmentResults/latest"), f"{PATCHES}/delete",
        f"{ARC}/known/patchassessmentresults/latest", scopes=THERE,
    ),
    "put_document": Verb(
        lambda it: arm_documents.put_document(it, SUBSCRIPTION, _exemption("new"), EXEMPTIONS),
        f"{EXEMPTIONS}/write", _exemption("new")["id"].lower(), frozenset({"Owner", "Security Admin"}), scopes=THERE,
    ),
    "remove_document": Verb(
        lambda it: arm_documents.remove_document(it, SUBSCRIPTION, _exemption("known")["id"].lower(), EXEMPTIONS),
        f"{EXEMPTIONS}/delete", _exemption("known")["id"].lower(), frozenset({"Owner", "Security Admin"}), scopes=THERE,
    ),
    "put_exemptions": Verb(
        lambda it: exemptions.put_exemptions(it, [_exemption("new")], _nothing_governs),
        f"{EXEMPTIONS}/write", _exemption("new")["id"].lower(), frozenset({"Owner", "Security Admin"}), scopes=THERE,
    ),
    "end_exemption": Verb(
        lambda it: exemptions.end_exemption(it, it.state.arm_documents.get(_exemption("known")["id"].lower())),
        f"{EXEMPTIONS}/delete", _exemption("known")["id"].lower(), frozenset({"Owner", "Security Admin"}), scopes=THERE,
    ),
    "rotate_credentials": Verb(
        credentials.rotate_credentials, credentials.WRITE, "credentials", OWNER
    ),
    "ask_tenant_test": Verb(
        lambda it: tenants.ask_tenant_test(it, "contoso"), tenants.WRITE, "tenant contoso"
    ),
    "collect_tenant_soon": Verb(
        lambda it: tenants.request_collection(it, "contoso"), tenants.WRITE, "tenant contoso"
    ),
    "request_assessment": Verb(
        assessment_requests.request_assessment, assessment_requests.TRIGGER, "/",
        frozenset({*CHANGERS, "Security Admin"}),
    ),
}  # fmt: skip


@pytest.fixture
def house(built: Path, tmp_path: Path) -> Iterator[State]:
    """A state with something to change."""
    shutil.copytree(built, tmp_path / "data")
    with opened(tmp_path / "data") as state:
        yield state


def opened(data: Path) -> State:
    return State.open_folder(data, f"sqlite:///{data / 'state.db'}")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with it, of which each test has a copy."""
    data = tmp_path_factory.mktemp("built") / "data"
    with opened(data) as state:
        build(state, data)
    return data


def build(state: State, data: Path) -> None:
    context = ServiceContext(LocalUser.current(), state, data)
    workspaces.add_workspace(context, "soc", {})
    tenants.connect_tenant(context, Tenant("contoso", CONNECTION), TenantSecrets(SECRET))
    sources.add_source(context, Source("known", "event_hub", {}), HUB, {"password": STRING}, there=False)
    sources.add_source(context, Source("ingest", "logs_ingestion", {}), {}, {}, there=False)
    ada = principals.add_principal(context, PrincipalKind.PERSON, "ada", role="Reader")
    principals.add_principal(context, PrincipalKind.PROGRAM, "agent")
    _guard(context).open_session(ada)
    sign_in_providers.put_provider(context, PROVIDER, SECRET)
    external_facts.put_facts(context, _claims(context, "known"))
    arm_documents.put_document(context, SUBSCRIPTION, _exemption("known"), EXEMPTIONS)


def rows(state: State) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the state has."""
    with state.database.read() as session:
        return {
            table.name: [tuple(one) for one in session.execute(select(table).order_by(*table.primary_key))]
            for table in load_tables()
        }


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", VERBS)
def test_who_may_call_it(house: State, tmp_path: Path, name: str) -> None:
    """Each role at each scope; those that may not leave nothing, and the one that may leaves one entry."""
    verb = VERBS[name]
    contexts = {
        (role, scope): context_of(house, tmp_path / "data", role, scope) for role in ROLES for scope in SCOPES
    }
    denied = {
        key: one for key, one in contexts.items() if key[0] not in verb.roles or key[1] not in verb.scopes
    }
    before = rows(house)
    for key, context in denied.items():
        with pytest.raises(DeniedError):
            verb.call(context)
        assert rows(house) == before, key
    allowed = next(one for key, one in contexts.items() if key not in denied)
    known = house.audit.entries(most=1)[0].number
    with strictly():
        verb.call(allowed)
    [entry] = [one for one in house.audit.entries() if one.number > known]
    assert (entry.operation, entry.target, entry.author) == (verb.operation, verb.target, allowed.actor.name)
    assert not [one for one in verb.secrets if one in repr(entry)]
    assert house.audit.find_broken_entry() is None


@pytest.mark.sampled(4, each="role")
@pytest.mark.parametrize("role", sorted(CHANGERS))
@pytest.mark.parametrize("name", VERBS)
def test_every_role_that_may_call_it_can(house: State, tmp_path: Path, name: str, role: str) -> None:
    verb = VERBS[name]
    context = context_of(house, tmp_path / "data", role)
    if role not in verb.roles:
        with pytest.raises(DeniedError):
            verb.call(context)
        return
    with strictly():
        verb.call(context)
    assert house.audit.entries(most=1)[0].operation == verb.operation


class TornError(Exception):
    """What a test ends a change with."""


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", VERBS)
def test_without_its_entry_there_is_no_change(
    house: State, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies where the entry is written leaves neither."""
    context, before = ServiceContext(LocalUser.current(), house, tmp_path / "data"), rows(house)

    def torn(*_: object, **__: object) -> None:
        raise TornError

    monkeypatch.setattr(Audit, "add", torn)
    with pytest.raises(TornError):
        VERBS[name].call(context)
    assert rows(house) == before


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", VERBS)
def test_a_fault_behind_the_change_leaves_neither(
    house: State, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails takes the entry and every part of the change with it."""
    context, before = ServiceContext(LocalUser.current(), house, tmp_path / "data"), rows(house)
    add = Audit.add

    def torn(self: Audit, *arguments: Any, **more: Any) -> None:
        add(self, *arguments, **more)
        raise TornError

    monkeypatch.setattr(Audit, "add", torn)
    with pytest.raises(TornError):
        VERBS[name].call(context)
    monkeypatch.undo()
    assert rows(house) == before
    assert house.audit.find_broken_entry() is None


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda context: sources.change_source(context, "none", {}), id="change-source"),
        pytest.param(lambda context: sources.try_source(context, None, "none"), id="try-source"),  # type: ignore[arg-type]
        pytest.param(lambda context: sources.remove_source(context, "none"), id="remove-source"),
        pytest.param(
            lambda context: tenants.change_tenant(context, Tenant("none", TenantConnection("t"))),
            id="change-tenant",
        ),
        pytest.param(lambda context: tenants.ask_tenant_test(context, "none"), id="test-tenant"),
        pytest.param(lambda context: tenants.try_tenant(context, "none"), id="try-tenant"),
        pytest.param(lambda context: sign_in_providers.try_provider(context, "none"), id="try-provider"),
        pytest.param(lambda context: tenants.request_collection(context, "none"), id="collect-tenant"),
        pytest.param(lambda context: tenants.remove_tenant(context, "none"), id="remove-tenant"),
    ],
)
def test_who_may_not_call_it_is_not_told_what_there_is(house: State, tmp_path: Path, call: Any) -> None:
    """What is missing is told to whom may change it alone: it is denied before anything is read."""
    with pytest.raises(DeniedError):
        call(context_of(house, tmp_path / "data", "Reader"))


def _unreachable(*_: object, **__: object) -> None:
    raise CollectError("unreachable")


def test_a_test_by_command_has_the_entry_of_one_by_page(
    house: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying at once and asking the server to try are one audited act, and nothing is asked for any more behind it."""
    monkeypatch.setattr(posture_tenants, "try_connection", _unreachable)
    monkeypatch.setattr(
        provider_tests,
        "test_provider",
        lambda _: provider_tests.ProviderTrial(house.database.local_time(), True, "works"),
    )
    context = context_of(house, tmp_path / "data", "Owner")
    told = []
    for call in (
        lambda: tenants.ask_tenant_test(context, "contoso"),
        lambda: tenants.try_tenant(context, "contoso"),
        lambda: sign_in_providers.ask_provider_test(context, "entra"),
        lambda: sign_in_providers.try_provider(context, "entra"),
    ):
        known = house.audit.entries(most=1)[0].number
        with contextlib.suppress(CollectError):
            call()
        told.append(
            [
                (one.operation, one.target, one.detail)
                for one in house.audit.entries(most=9)
                if one.number > known
            ]
        )
    assert told[0] == told[1] == [(tenants.WRITE, "tenant contoso", {"act": "test"})]
    assert told[2] == told[3] == [(sign_in_providers.WRITE, "entra", {"act": "test"})]
    assert posture_tenants.find_requested_test(house, "contoso") is None
    assert provider_tests.find_requested_test(house, "entra") is None
