"""Attacks on sessions: reverse proxies between the user and the sign-in page, device codes, stolen cookies and refresh tokens."""

from __future__ import annotations

from datetime import timedelta

from tests.simulator import networks
from tests.simulator.attacks.stage import BROWSER, Stage, tool
from tests.simulator.daily_life import office_spot, session_of
from tests.simulator.organization import make_id
from tests.simulator.records import show_client

TOKEN = ("anomalousToken",)
AROUND = (
    "unfamiliarFeatures",
    "newCountry",
    "unlikelyTravel",
    "anonymizedIPAddress",
    "maliciousIPAddress",
    "anomalousUserActivity",
)
MAIL = ("mcasSuspiciousInboxManipulationRules",)


def proxy_session(stage: Stage, number: int) -> None:
    """Relay a sign-in through a phishing proxy, replay its cookie from another host, hide mail and register a factor.

    Microsoft, 2022-07-12, "From cookie theft to BEC"; Storm-1167 (2023-06-08): the proxy signs in to OfficeHome with the victim's own
    browser and second factor, the cookie is replayed minutes later, an inbox rule hides answers, a factor is added. ATT&CK T1557,
    T1539.
    """
    campaign = stage.play("attacker in the middle", number)
    start, hit = campaign.now, campaign.victim()
    session = make_id(campaign.seed, "phished", hit.upn, number)
    proxy, replay = campaign.spot(networks.HOSTING, "proxy"), campaign.spot(networks.HOSTING, "replay")
    campaign.sign_in(hit, proxy, show_client(hit.laptop, campaign.day), session=session, result="50074")
    campaign.wait(0.3, 1)
    campaign.sign_in(hit, proxy, show_client(hit.laptop, campaign.day), session=session)
    campaign.wait(3, 30)
    campaign.use(hit, replay, BROWSER, session=session, times=5)
    campaign.register_factor(hit, replay)
    campaign.hide_mail(hit, replay)
    campaign.use(hit, replay, BROWSER, session=session)
    campaign.tell(hit, start, "T1557", ("attackerinTheMiddle", *TOKEN), (*MAIL, *AROUND))


def phish_device_code(stage: Stage, number: int) -> None:
    """Have the user type a device code; the attacker redeems it elsewhere and registers a device.

    Storm-2372 (Microsoft, 2025-02-13): authenticationProtocol deviceCode at the user's own address, then tokens of Microsoft
    Authentication Broker redeemed elsewhere, a device registered, mail searched through Graph. ATT&CK T1566, T1528.
    """
    campaign = stage.play("device-code phishing", number)
    start, hit = campaign.now, campaign.victim()
    own = office_spot(stage.calendar, hit.office, hit, campaign.day)
    client = show_client(hit.laptop, campaign.day)
    broker, session = (
        "Microsoft Authentication Broker",
        make_id(campaign.seed, "device code", hit.upn, number),
    )
    for result in ("50199", "0"):
        campaign.sign_in(hit, own, client, broker, result=result, protocol="deviceCode", session=session)
        campaign.wait(0.2, 0.8)
    away = campaign.spot((*networks.HOSTING, *networks.RESIDENTIAL_PROXIES))
    campaign.sign_in(
        hit,
        away,
        tool("python-requests/2.31.0"),
        broker,
        interactive=False,
        session=session,
        protocol="deviceCode",
    )
    campaign.wait(1, 5)
    entry: dict[str, object] = {
        "id": make_id(campaign.seed, "rogue device", number),
        "displayName": "DESKTOP-8FJ2K",
        "type": "Device",
    }
    campaign.audit(hit, away, "Register device", "Device", entry, service="Device Registration Service")
    campaign.use(hit, away, tool("python-requests/2.31.0"), session=session, times=6)
    campaign.tell(hit, start, "T1528", TOKEN, AROUND)


def replay_cookie(stage: Stage, number: int) -> None:
    """Replay the cookie that an information stealer took from the user's own session, from a hosting provider.

    Microsoft, 2022-11-16, "Token tactics: How to prevent, detect, and respond to cloud token theft" (pass-the-cookie); ATT&CK
    T1550.004.
    The user works on from the office meanwhile, in the same session.
    """
    campaign = stage.play("session token replay", number)
    start, hit = campaign.now, campaign.victim()
    session = session_of(campaign.seed, hit, hit.laptop, campaign.day)
    spot = campaign.spot(networks.HOSTING)
    campaign.use(hit, spot, BROWSER, session=session, times=6)
    campaign.hide_mail(hit, spot)
    campaign.tell(hit, start, "T1550.004", TOKEN, (*MAIL, *AROUND))


def redeem_refresh_token(stage: Stage, number: int) -> None:
    """Redeem a stolen refresh token from a country where the user never was, over two days, without one interactive sign-in.

    Microsoft, "Token theft playbook" (Entra documentation); ROADtools and TokenTactics redeem for one client after the other (family
    of client IDs, Secureworks, 2022). ATT&CK T1528, T1550.001.
    """
    campaign = stage.play("stolen refresh token", number)
    start, hit = campaign.now, campaign.victim()
    session = session_of(campaign.seed, hit, hit.phone, campaign.day)
    spot = campaign.spot(networks.FAR_AWAY)
    for hours in (0, 5, 19):
        campaign.now = start + timedelta(hours=hours)
        for app in ("Microsoft Office", "Microsoft Teams", "Microsoft Azure PowerShell"):
            campaign.wait(0.5, 4)
            campaign.sign_in(
                hit,
                spot,
                tool("python-requests/2.28.1"),
                app,
                interactive=False,
                session=session,
                resource="Microsoft Graph",
            )
    campaign.tell(hit, start, "T1550.001", TOKEN, AROUND)


ATTACKS = (proxy_session, phish_device_code, replay_cookie, redeem_refresh_token)
