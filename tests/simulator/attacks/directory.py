"""Attacks that go on in the directory: consent, secrets of applications, roles, mass changes, hijacked agents."""

from __future__ import annotations

from datetime import timedelta

from tests.simulator import networks
from tests.simulator.attacks.stage import BROWSER, Campaign, Stage
from tests.simulator.daily_life import office_spot
from tests.simulator.organization import Person, Workload, make_id
from tests.simulator.records import Row, as_user, show_client, target

WORKLOAD = (
    "anomalousServicePrincipalActivity",
    "suspiciousSignins",
    "suspiciousAPITraffic",
    "maliciousApplication",
    "suspiciousApplication",
)
ABOUT_USER = (
    "unfamiliarFeatures",
    "newCountry",
    "unlikelyTravel",
    "anonymizedIPAddress",
    "maliciousIPAddress",
)


def consent_to_malice(stage: Stage, number: int) -> None:
    """Have a user consent to an application that then reads their mail from elsewhere.

    Storm-1283 and others (Microsoft, 2023-12-12, "Threat actors misuse OAuth applications"); Microsoft, "Detect and remediate
    illicit consent grants". The user's own address and browser; offline access to mail; the application then signs in.
    ATT&CK T1528, T1098.003.
    """
    campaign = stage.play("illicit consent grant", number)
    start, hit = campaign.now, campaign.victim()
    own = office_spot(stage.calendar, hit.office, hit, campaign.day)
    name = campaign.rng.choice(("Office 365 Secure Docs", "iOS Accounts Sync", "Upgrade Portal"))
    app, principal = (
        make_id(campaign.seed, "rogue app", number),
        make_id(campaign.seed, "rogue principal", number),
    )
    campaign.sign_in(hit, own, show_client(hit.laptop, campaign.day), name, result="65001")
    campaign.wait(0.5, 2)
    entry = target("ServicePrincipal", principal, name, {"AppId": app})
    campaign.audit(hit, own, "Add service principal", "ApplicationManagement", entry)
    _grant(campaign, hit, own, target("ServicePrincipal", principal, name), app)
    away = campaign.spot(networks.HOSTING)
    rogue = Workload(principal, app, name, away.network, 1, ("Office 365 Exchange Online",), 1)
    for _ in range(6):
        campaign.wait(5, 40)
        campaign.recorder.workload(campaign.now, rogue, away, "Microsoft Graph")
    campaign.tell(hit, start, "T1528", ("anomalousUserActivity",), ("suspiciousAPITraffic", "generic"))
    campaign.tell_workload(
        principal, name, "servicePrincipal", start, "T1528", ("suspiciousApplication",), WORKLOAD
    )


def _grant(campaign: Campaign, hit: Person, own: networks.Spot, client: Row, app: str) -> None:
    """Write a consent of one user as the directory does: a grant on Microsoft Graph, then the consent to the application."""
    scope = "Mail.Read Mail.Send Files.ReadWrite.All Contacts.Read offline_access"
    grant = {
        "DelegatedPermissionGrant.Scope": f" {scope}",
        "DelegatedPermissionGrant.ConsentType": "Principal",
        "ServicePrincipal.ObjectID": client["id"],
    }
    actor = as_user(hit, own)
    graph = target("ServicePrincipal", make_id(campaign.seed, "graph principal"), "Microsoft Graph", grant)
    campaign.recorder.audit(
        campaign.now, "Add delegated permission grant", "ApplicationManagement", actor, [graph, client]
    )
    permissions = f"[] => [[Id: x, ClientId: {client['id']}, PrincipalId: {hit.id}, ConsentType: Principal, Scope: {scope}]]; "
    consent = {
        "ConsentContext.IsAdminConsent": "False",
        "ConsentContext.IsAppOnly": "False",
        "ConsentContext.OnBehalfOfAll": "False",
        "ConsentAction.Permissions": permissions,
    }
    changed = target("ServicePrincipal", str(client["id"]), str(client["displayName"]), consent)
    campaign.recorder.audit(
        campaign.now,
        "Consent to application",
        "ApplicationManagement",
        actor,
        [changed],
        details={"AppId": app},
    )


def add_secret(stage: Stage, number: int) -> None:
    """Take an administrator's session, add a secret to a service principal that exists, and use it from a hosting provider.

    NOBELIUM (Microsoft, 2020-12-28, "Using Microsoft 365 Defender to coordinate protection against Solorigate"); ATT&CK T1098.001.
    """
    campaign = stage.play("service principal secret", number)
    start = campaign.now
    candidates = [
        one for one in stage.organization.workloads if not one.agent and one.name != "crm-connector"
    ]
    workload = candidates[(number * 2 + 3) % len(candidates)]
    hit = stage.organization.admins[2 + number % (len(stage.organization.admins) - 2)]
    spot = campaign.spot(networks.HOSTING, "admin")
    campaign.sign_in(hit, spot, BROWSER, "Azure Portal")
    campaign.wait(2, 9)
    key = make_id(campaign.seed, "rogue key", number)
    entry = target(
        "ServicePrincipal",
        workload.id,
        workload.name,
        {"KeyDescription": [f"[KeyIdentifier={key},KeyType=Password]"]},
    )
    campaign.audit(hit, spot, "Add service principal credentials", "ApplicationManagement", entry)
    campaign.tell(hit, start, "T1098.001", ("unfamiliarFeatures",), ("anomalousUserActivity", *ABOUT_USER))
    away = campaign.spot(networks.HOSTING, "workload")
    for resource in ("Microsoft Graph", "Office 365 Exchange Online", "Azure Key Vault") * 4:
        campaign.wait(3, 45)
        campaign.recorder.workload(campaign.now, workload, away, resource, key=key)
    campaign.tell_workload(
        workload.id, workload.name, "servicePrincipal", start, "T1098.001", ("suspiciousSignins",), WORKLOAD
    )


def escalate(stage: Stage, number: int) -> None:
    """Take an administrator, make an accomplice Global Administrator, elevate access to Azure, then reset, delete and destroy.

    Storm-0501 (Microsoft, 2025-08-27): elevateAccess, Owner at the root, mass deletion of storage and snapshots; Octo Tempest
    (2023-10-25): mass password resets; ATT&CK T1098.003, T1485, T1531.
    """
    campaign = stage.play("privilege escalation", number)
    start = campaign.now
    admins = stage.organization.admins
    hit = admins[(3 + number) % len(admins)]
    spot = campaign.spot(networks.HOSTING)
    campaign.sign_in(hit, spot, BROWSER, "Azure Portal")
    _promote(campaign, hit, spot_of=spot)
    for person in campaign.rng.sample(
        stage.organization.employees, min(25, len(stage.organization.employees))
    ):
        campaign.wait(0.1, 0.6)
        entry = target("User", person.id, person.name, upn=person.upn)
        operation = campaign.rng.choice(("Reset user password", "Delete user", "Disable account"))
        campaign.audit(hit, spot, operation, "UserManagement", entry)
    for index in range(20):
        campaign.wait(0.1, 1)
        kind = campaign.rng.choice(
            (
                "Microsoft.Storage/storageAccounts",
                "Microsoft.Compute/snapshots",
                "Microsoft.RecoveryServices/vaults",
            )
        )
        resource = f"/resourceGroups/data/providers/{kind}/item{index}"
        campaign.recorder.activity(campaign.now, hit, spot, f"{kind}/delete", resource, ok=index % 5 > 0)
    campaign.tell(hit, start, "T1098.003", ("anomalousUserActivity", "unfamiliarFeatures"), ABOUT_USER)


def _promote(campaign: Campaign, hit: Person, spot_of: networks.Spot) -> None:
    accomplice = campaign.victim()
    campaign.wait(2, 10)
    role = {
        "Role.DisplayName": "Global Administrator",
        "Role.TemplateId": "62e90394-69f5-4237-9190-012177145e10",
    }
    entry = target("User", accomplice.id, accomplice.name, role, accomplice.upn)
    campaign.audit(hit, spot_of, "Add member to role", "RoleManagement", entry)
    campaign.wait(1, 5)
    campaign.recorder.activity(
        campaign.now,
        hit,
        spot_of,
        "Microsoft.Authorization/elevateAccess/action",
        "/providers/Microsoft.Authorization",
    )
    campaign.recorder.activity(
        campaign.now + timedelta(seconds=40),
        hit,
        spot_of,
        "Microsoft.Authorization/roleAssignments/write",
        f"/providers/Microsoft.Authorization/roleAssignments/{make_id(campaign.seed, 'assignment', campaign.number)}",
    )


def hijack_agent(stage: Stage, number: int) -> None:
    """Turn an agent by an injected prompt: it asks for resources it never used, often in vain, and far more often than usual.

    Microsoft, "ID Protection for agents" (unfamiliar resource access, sign-in spike, failed access attempt); OWASP, "Agentic AI
    threats and mitigations", tool misuse. The agent's own addresses.
    """
    campaign = stage.play("hijacked agent", number)
    start = campaign.now
    agents = [one for one in stage.organization.workloads if one.agent]
    agent = agents[number % len(agents)]
    for index in range(60):
        campaign.wait(0.2, 1.2)
        spot = networks.locate(agent.network, agent.id, index % agent.addresses)
        resource = campaign.rng.choice(
            ("Azure Key Vault", "Windows Azure Service Management API", "Azure Storage")
        )
        campaign.recorder.workload(campaign.now, agent, spot, resource, result="53003" if index % 3 else "0")
    expected = ("unfamiliarResourceAccess", "signInSpike")
    campaign.tell_workload(
        agent.id, agent.name, "agent", start, "T1078.004", expected, ("failedAccessAttempt", *WORKLOAD)
    )


ATTACKS = (consent_to_malice, add_secret, escalate, hijack_agent)
