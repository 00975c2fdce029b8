"""Attacks on passwords: spraying, stuffing, guessing, prompting until somebody gives in, protocols without a second factor."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.simulator import networks
from tests.simulator.attacks.stage import BROWSER, FIREFOX, Campaign, Stage, list_proxies, tool
from tests.simulator.organization import Person
from tests.simulator.records import target

FAILED = "50126"
SPRAYED = ("passwordSpray",)
FOREIGN = (
    "newCountry",
    "unlikelyTravel",
    "anonymizedIPAddress",
    "maliciousIPAddress",
    "anomalousUserActivity",
)


def _pick_targets(campaign: Campaign, count: int, *others: Person) -> list[Person]:
    """Pick random accounts beside those whose password fits."""
    people = [one for one in campaign.stage.organization.people if not one.guest and one not in others]
    return campaign.rng.sample(people, min(count, len(people)))


def _report_burst(campaign: Campaign, tried: list[Person], hit: Person | None, start: datetime) -> None:
    """Say that those who were tried were attacked from a time until now; the one whose password fits is another matter."""
    for person in tried:
        if person is not hit:
            campaign.tell(person, start, "T1110.003", SPRAYED, FOREIGN, compromised=False)


def spray(stage: Stage, number: int) -> None:
    """Spray one password over many accounts from one host, and sign in with the one that fits.

    Peach Sandstorm: `go-http-client` against many accounts, then sign-ins with what was found (Microsoft, 2023-09-14, "Peach Sandstorm
    password spray campaigns enable intelligence collection at high-value targets"); ATT&CK T1110.003.
    """
    campaign = stage.play("password spray", number)
    start, hit = campaign.now, campaign.victim()
    spot, client = campaign.spot(networks.HOSTING, "spray"), tool("go-http-client/1.1")
    tried = [*_pick_targets(campaign, 30, hit), hit]
    for person in tried:
        campaign.wait(0.2, 1.5)
        result = "0" if person is hit else FAILED
        campaign.sign_in(person, spot, client, "Microsoft Azure CLI", result=result, mfa=False)
    _report_burst(campaign, tried, hit, start)
    campaign.wait(20, 200)
    tor = campaign.spot(networks.TOR, "use")
    campaign.sign_in(hit, tor, FIREFOX, mfa=False)
    campaign.use(hit, tor, FIREFOX)
    campaign.tell(hit, start, "T1110.003", ("passwordSpray", "unfamiliarFeatures"), FOREIGN)


def spray_all_fail(stage: Stage, number: int) -> None:
    """Spray in vain: three passwords over many accounts, some locked out.

    Microsoft, "Password spray investigation" (incident response playbook, Entra documentation); ATT&CK T1110.003. Risk detections of
    Microsoft need a valid password; the product is asked for these too.
    """
    campaign = stage.play("password spray, all fail", number)
    start, tried = campaign.now, _pick_targets(campaign, 25)
    spot, client = campaign.spot(networks.HOSTING, "spray"), tool("python-requests/2.31.0")
    for _ in range(3):
        for person in tried:
            campaign.wait(0.1, 0.8)
            result = "50053" if campaign.rng.random() < 0.05 else FAILED
            campaign.sign_in(person, spot, client, "Office 365 Exchange Online", result=result, mfa=False)
        campaign.wait(31, 60)
    _report_burst(campaign, tried, None, start)


def spray_distributed(stage: Stage, number: int) -> None:
    """Spray slowly through many home routers: one attempt an account and day, each from another address, one fits.

    CovertNetwork-1658 (Microsoft, 2024-10-31, "Chinese threat actor Storm-0940 uses credentials from password spray attacks from a
    covert network"): in four of five campaigns one attempt an account a day. Midnight Blizzard (2024-01-25): residential proxies, few
    accounts.
    """
    campaign = stage.play("distributed password spray", number)
    hit = campaign.victim()
    tried = [*_pick_targets(campaign, 20, hit), hit]
    days = max(1, min(3, stage.calendar.days - stage.calendar.learning - 1))
    for day in range(days):
        campaign.now = start = stage.begins + timedelta(days=stage.calendar.learning + day, hours=1)
        for person in tried:
            campaign.wait(5, 50)
            spot = campaign.spot(networks.RESIDENTIAL_PROXIES, day, person.upn)
            fits = person is hit and day == days - 1
            campaign.sign_in(person, spot, BROWSER, result="0" if fits else FAILED, mfa=False)
        _report_burst(campaign, tried, hit if day == days - 1 else None, start)
    campaign.wait(10, 60)
    campaign.use(hit, campaign.spot(networks.RESIDENTIAL_PROXIES, "use"), BROWSER)
    campaign.tell(hit, start, "T1110.003", ("passwordSpray", "unfamiliarFeatures"), FOREIGN)


def stuff_credentials(stage: Stage, number: int) -> None:
    """Try leaked pairs of name and password, one try an account through rotating proxies and hosts; two fit.

    ATT&CK T1110.004; Okta, 2024-04-27, "How to block anonymizing services using Okta": residential proxies and anonymisers.
    """
    campaign = stage.play("credential stuffing", number)
    start, hits = campaign.now, [campaign.victim(), campaign.victim()]
    tried = _pick_targets(campaign, 18, *hits)
    for person in [*tried, *hits]:
        campaign.wait(0.3, 2)
        spot = campaign.spot(list_proxies(), person.upn)
        campaign.sign_in(person, spot, BROWSER, result="0" if person in hits else FAILED, mfa=False)
        if person in hits:
            campaign.use(person, spot, BROWSER, times=2)
    _report_burst(campaign, tried, None, start)
    plausible = (*SPRAYED, *FOREIGN, "leakedCredentials")
    for person in hits:
        campaign.tell(person, start, "T1110.004", ("unfamiliarFeatures",), plausible)


def force_password(stage: Stage, number: int) -> None:
    """Guess the password of one account, hundreds of tries with a fast HTTP library, until it fits.

    SpearTip, 2025-01-13, "fasthttp used in new bruteforce campaign": user agent `fasthttp`, Azure AD Graph; ATT&CK T1110.001.
    Microsoft documents maliciousIPAddress as addresses with high failure rates because of invalid credentials.
    """
    campaign = stage.play("brute force", number)
    start, hit = campaign.now, campaign.victim()
    spot, client = campaign.spot(networks.FAR_AWAY), tool("fasthttp")
    for _ in range(120):
        campaign.wait(0.02, 0.3)
        result = "50053" if campaign.rng.random() < 0.1 else FAILED
        campaign.sign_in(hit, spot, client, "Microsoft Azure CLI", result=result, mfa=False)
    campaign.wait(1, 3)
    campaign.sign_in(hit, spot, client, "Microsoft Azure CLI", mfa=False)
    campaign.use(hit, spot, client)
    campaign.tell(
        hit, start, "T1110.001", ("unfamiliarFeatures",), ("maliciousIPAddress", "passwordSpray", *FOREIGN)
    )


def exhaust_factor(stage: Stage, number: int) -> None:
    """Prompt for the second factor at night until the user approves; the attacker then registers a factor of their own.

    DEV-0537, LAPSUS$ (Microsoft, 2022-03-22); Octo Tempest (2023-10-25); ATT&CK T1621. Every second victim reports the prompts.
    """
    campaign = stage.play("MFA fatigue", number)
    hit = campaign.victim()
    campaign.now = start = campaign.now.replace(hour=0) + timedelta(hours=25 - hit.utc_offset)
    spot = campaign.spot(networks.HOSTING)
    for _ in range(campaign.rng.randint(9, 20)):
        campaign.sign_in(hit, spot, BROWSER, result="500121")
        campaign.wait(0.5, 3)
    expected: tuple[str, ...] = ("unfamiliarFeatures",)
    if number % 2:
        entry = target("User", hit.id, hit.name, upn=hit.upn)
        campaign.audit(
            hit,
            spot,
            "Suspicious activity reported",
            "UserManagement",
            entry,
            service="Authentication Methods",
        )
        expected = ("userReportedSuspiciousActivity",)
    else:
        campaign.sign_in(hit, spot, BROWSER)
        campaign.register_factor(hit, spot)
        campaign.use(hit, spot, BROWSER)
    campaign.tell(
        hit,
        start,
        "T1621",
        expected,
        ("unfamiliarFeatures", "userReportedSuspiciousActivity", "generic", *FOREIGN),
    )


def use_legacy_protocol(stage: Stage, number: int) -> None:
    """Sign in over IMAP, which asks for no second factor, after some guesses, and read the mailbox.

    Proofpoint, 2019-03-14, "Threat actors leverage credential dumps, phishing, and legacy email protocols to bypass MFA"; ATT&CK
    T1078.004. Microsoft documents unfamiliarFeatures as also made of basic authentication and legacy protocols.
    """
    campaign = stage.play("legacy protocol", number)
    start, hit = campaign.now, campaign.victim()
    spot = campaign.spot(networks.RESIDENTIAL_PROXIES)
    client = tool("BAV2ROPC", campaign.rng.choice(("IMAP4", "Authenticated SMTP", "POP3")))
    for result in [FAILED] * campaign.rng.randint(2, 6) + ["0"] * 4:
        campaign.sign_in(
            hit, spot, client, "Office 365 Exchange Online", result=result, mfa=False, protocol="ropc"
        )
        campaign.wait(1, 20)
    campaign.tell(hit, start, "T1078.004", ("unfamiliarFeatures",), (*SPRAYED, *FOREIGN))


ATTACKS = (
    spray,
    spray_all_fail,
    spray_distributed,
    stuff_credentials,
    force_password,
    exhaust_factor,
    use_legacy_protocol,
)
