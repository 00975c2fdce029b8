"""Sign-ins whose origin gives them away: travel, anonymisers, listed addresses, odd browsers, leaked passwords."""

from __future__ import annotations

from datetime import timedelta

from tests.simulator import networks
from tests.simulator.attacks.stage import BROWSER, FIREFOX, Stage
from tests.simulator.daily_life import office_spot
from tests.simulator.records import show_client

UNFAMILIAR = ("unfamiliarFeatures",)
AROUND = (
    "newCountry",
    "unlikelyTravel",
    "impossibleTravel",
    "maliciousIPAddress",
    "anonymizedIPAddress",
    "anomalousUserActivity",
)


def travel_impossibly(stage: Stage, number: int) -> None:
    """Sign in from another continent while the user is at work in the office.

    Microsoft, "What are risk detections?": impossible travel and atypical travel; ATT&CK T1078.004.
    """
    campaign = stage.play("impossible travel", number)
    hit = campaign.victim()
    noon = stage.begins + timedelta(days=campaign.day, hours=12 - hit.utc_offset)
    own, far = office_spot(stage.calendar, hit.office, hit, campaign.day), campaign.spot(networks.FAR_AWAY)
    campaign.now = noon - timedelta(minutes=40)
    campaign.sign_in(hit, own, show_client(hit.laptop, campaign.day))
    campaign.now = start = noon
    campaign.sign_in(hit, far, BROWSER, "Office 365 Exchange Online")
    campaign.use(hit, far, BROWSER)
    campaign.tell(hit, start, "T1078.004", ("unlikelyTravel",), (*UNFAMILIAR, *AROUND))


def travel_unlikely(stage: Stage, number: int) -> None:
    """Sign in with the user's kind of browser from a country where neither the user nor anybody was, in the night after work.

    Microsoft, "What are risk detections?": atypical travel, new country; ATT&CK T1078.004.
    """
    campaign = stage.play("new country", number)
    hit = campaign.victim()
    campaign.now = start = stage.begins + timedelta(days=campaign.day, hours=26 - hit.utc_offset)
    spot, client = campaign.spot(networks.FAR_AWAY), BROWSER
    campaign.sign_in(hit, spot, client)
    campaign.use(hit, spot, client, times=3)
    campaign.tell(hit, start, "T1078.004", ("newCountry", "unfamiliarFeatures"), AROUND)


def come_through_tor(stage: Stage, number: int) -> None:
    """Sign in through Tor or a commercial VPN with a password that is known.

    Microsoft, "What are risk detections?": anonymous IP address; Peach Sandstorm works through Tor (2023-09-14); ATT&CK T1090.003.
    """
    campaign = stage.play("anonymised sign-in", number)
    start, hit = campaign.now, campaign.victim()
    network = networks.TOR if number % 2 == 0 else networks.COMMERCIAL_VPN[number // 2 % 2]
    campaign.sign_in(hit, campaign.spot(network, 0), FIREFOX, mfa=False)
    for step in range(1, 4):
        campaign.use(hit, campaign.spot(network, step), FIREFOX, times=1)
    campaign.tell(hit, start, "T1090.003", ("anonymizedIPAddress",), (*UNFAMILIAR, *AROUND))


def come_from_listed(stage: Stage, number: int) -> None:
    """Sign in from an address that threat intelligence listed the week before.

    Microsoft, "What are risk detections?": malicious IP address; ATT&CK T1078.004.
    """
    campaign = stage.play("malicious IP address", number)
    start, hit = campaign.now, campaign.victim()
    spot = campaign.spot(networks.RESIDENTIAL_PROXIES)
    stage.indicators.append((spot.address, "botnet command and control"))
    for result in ("50126", "50126", "0"):
        campaign.sign_in(hit, spot, BROWSER, result=result, mfa=False)
        campaign.wait(0.5, 5)
    campaign.use(hit, spot, BROWSER)
    campaign.tell(hit, start, "T1078.004", ("maliciousIPAddress",), (*UNFAMILIAR, *AROUND))


def share_browser(stage: Stage, number: int) -> None:
    """Sign in as three users with one odd browser from three countries within the hour.

    Microsoft, "What are risk detections?": suspicious browser, the same browser across accounts and countries; an old headless Chrome,
    as automation kits send it. ATT&CK T1078.004.
    """
    campaign = stage.play("suspicious browser", number)
    start = campaign.now
    agent = BROWSER.agent.replace("Chrome/124.0.0.0", "HeadlessChrome/103.0.5058.0")
    client = type(BROWSER)(BROWSER.device, agent, "Chrome Headless 103.0.5058")
    victims = [campaign.victim() for _ in range(3)]
    for place, person in enumerate(victims):
        spot = campaign.spot(networks.RESIDENTIAL_PROXIES[place])
        campaign.sign_in(person, spot, client, mfa=False)
        campaign.use(person, spot, client, times=2)
    for person in victims:
        campaign.tell(person, start, "T1078.004", ("suspiciousBrowser",), (*UNFAMILIAR, *AROUND))


def use_leaked_password(stage: Stage, number: int) -> None:
    """Sign in at the first try with a password that a published breach holds.

    Microsoft, "What are risk detections?": leaked credentials; ATT&CK T1589.001, T1078.004. The user's hash is in the leaked list.
    """
    campaign = stage.play("leaked credentials", number)
    start, hit = campaign.now, campaign.victim()
    stage.leaked.append(hit)
    spot = campaign.spot((*networks.HOSTING, *networks.RESIDENTIAL_PROXIES))
    campaign.sign_in(hit, spot, BROWSER, mfa=False)
    campaign.use(hit, spot, BROWSER)
    campaign.tell(hit, start, "T1589.001", ("leakedCredentials", "unfamiliarFeatures"), AROUND)


ATTACKS = (
    travel_impossibly,
    travel_unlikely,
    come_through_tor,
    come_from_listed,
    share_browser,
    use_leaked_password,
)
