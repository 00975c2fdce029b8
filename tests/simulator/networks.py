"""Places, and the networks people, programs and attackers come from: address ranges as their registries list them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Place:
    """A city as sign-in logs name it."""

    city: str
    state: str
    country: str
    latitude: float
    longitude: float
    utc_offset: int


@dataclass(frozen=True)
class Network:
    """A network of one operator in one place; a prefix of two or three octets."""

    name: str
    asn: int
    prefix: str
    place: Place


@dataclass(frozen=True)
class Spot:
    """An address in a network."""

    network: Network
    address: str


MUNICH = Place("Munich", "Bayern", "DE", 48.137, 11.575, 1)
FRANKFURT = Place("Frankfurt am Main", "Hessen", "DE", 50.110, 8.682, 1)
BERLIN = Place("Berlin", "Berlin", "DE", 52.520, 13.405, 1)
LONDON = Place("London", "England", "GB", 51.507, -0.128, 0)
MANCHESTER = Place("Manchester", "England", "GB", 53.480, -2.242, 0)
BOSTON = Place("Boston", "Massachusetts", "US", 42.360, -71.058, -5)
NEW_YORK = Place("New York", "New York", "US", 40.712, -74.006, -5)
BENGALURU = Place("Bengaluru", "Karnataka", "IN", 12.971, 77.594, 5)
MUMBAI = Place("Mumbai", "Maharashtra", "IN", 19.076, 72.877, 5)
AMSTERDAM = Place("Amsterdam", "Noord-Holland", "NL", 52.374, 4.890, 1)
DUBLIN = Place("Dublin", "Dublin", "IE", 53.349, -6.260, 0)
PARIS = Place("Paris", "Ile-de-France", "FR", 48.857, 2.352, 1)
MADRID = Place("Madrid", "Madrid", "ES", 40.417, -3.703, 1)
TOKYO = Place("Tokyo", "Tokyo", "JP", 35.690, 139.692, 9)
SINGAPORE = Place("Singapore", "", "SG", 1.352, 103.820, 8)
WASHINGTON = Place("Washington", "Virginia", "US", 38.713, -78.159, -5)
HELSINKI = Place("Helsinki", "Uusimaa", "FI", 60.170, 24.941, 2)
MOSCOW = Place("Moscow", "Moskva", "RU", 55.752, 37.616, 3)
LAGOS = Place("Lagos", "Lagos", "NG", 6.455, 3.384, 1)
HANOI = Place("Hanoi", "Ha Noi", "VN", 21.028, 105.854, 7)
SAO_PAULO = Place("Sao Paulo", "Sao Paulo", "BR", -23.548, -46.636, -3)
JAKARTA = Place("Jakarta", "Jakarta", "ID", -6.215, 106.845, 7)
BUCHAREST = Place("Bucharest", "Bucuresti", "RO", 44.432, 26.104, 2)
DALLAS = Place("Dallas", "Texas", "US", 32.783, -96.807, -6)
STOCKHOLM = Place("Stockholm", "Stockholms lan", "SE", 59.329, 18.069, 1)

OFFICES = (
    Network("Munich office", 3320, "217.86.140", MUNICH),
    Network("London office", 2856, "217.42.11", LONDON),
    Network("Boston office", 701, "96.252.14", BOSTON),
    Network("Bengaluru office", 24560, "122.166.23", BENGALURU),
)
NEW_OFFICE = Network("New Munich office", 8881, "82.207.201", FRANKFURT)
HOMES = (
    (Network("Deutsche Telekom", 3320, "84.140", MUNICH), Network("Vodafone DE", 3209, "88.65", MUNICH)),
    (Network("BT", 2856, "86.140", LONDON), Network("Virgin Media", 5089, "82.35", LONDON)),
    (Network("Comcast", 7922, "73.38", BOSTON), Network("Verizon", 701, "71.184", BOSTON)),
    (Network("Airtel", 24560, "122.172", BENGALURU), Network("ACT", 24309, "106.51", BENGALURU)),
)
# a carrier's addresses are located where its gateways are, and these change with load
CARRIERS = (
    tuple(Network("Telekom mobile", 3320, p, at) for p, at in (("80.187", FRANKFURT), ("109.42", BERLIN))),
    tuple(Network("EE mobile", 12576, p, at) for p, at in (("31.94", LONDON), ("31.95", MANCHESTER))),
    tuple(Network("T-Mobile US", 21928, p, at) for p, at in (("172.58", NEW_YORK), ("172.56", BOSTON))),
    tuple(Network("Jio", 55836, p, at) for p, at in (("49.36", MUMBAI), ("49.37", BENGALURU))),
)
CORPORATE_VPN = Network("Corporate VPN", 22616, "165.225.72", FRANKFURT)
NEW_CORPORATE_VPN = Network("New corporate VPN", 22616, "165.225.240", AMSTERDAM)
PARTNER = Network("Partner office", 3215, "90.63.201", PARIS)
PERSONAL_VPN = Network("Mullvad", 39351, "193.138.218", STOCKHOLM)
PRIVATE_RELAY = Network("iCloud Private Relay", 36183, "172.224.226", LONDON)
ABROAD = (
    (Network("Hotel Madrid", 3352, "83.44", MADRID), Network("Movistar", 3352, "80.58", MADRID)),
    (Network("Hotel Tokyo", 4713, "153.156", TOKYO), Network("NTT Docomo", 9605, "1.75", TOKYO)),
    (Network("Hotel Singapore", 9506, "116.87", SINGAPORE), Network("Singtel", 9506, "116.88", SINGAPORE)),
    (Network("Hotel New York", 701, "108.27", NEW_YORK), Network("T-Mobile US", 21928, "172.59", NEW_YORK)),
    (Network("Hotel Paris", 3215, "90.92", PARIS), Network("Orange mobile", 3215, "92.184", PARIS)),
)
CONFERENCE = Network("Conference centre", 3352, "81.45.12", MADRID)
AZURE = (
    Network("Azure West Europe", 8075, "20.50.12", AMSTERDAM),
    Network("Azure North Europe", 8075, "20.54.8", DUBLIN),
    Network("Azure East US", 8075, "20.62.130", WASHINGTON),
)

HOSTING = (
    Network("DigitalOcean", 14061, "167.99.40", AMSTERDAM),
    Network("OVH", 16276, "51.75.120", PARIS),
    Network("Hetzner", 24940, "95.216.80", HELSINKI),
    Network("M247", 9009, "185.94.188", BUCHAREST),
    Network("Vultr", 20473, "45.76.30", DALLAS),
)
TOR = Network("Tor exits", 60729, "185.220.101", BERLIN)
COMMERCIAL_VPN = (
    Network("Mullvad", 39351, "193.138.218", STOCKHOLM),
    Network("Proton VPN", 62371, "185.159.157", AMSTERDAM),
)
RESIDENTIAL_PROXIES = (
    Network("Viettel", 7552, "27.72", HANOI),
    Network("Vivo", 27699, "189.46", SAO_PAULO),
    Network("Telkom Indonesia", 7713, "36.72", JAKARTA),
    Network("Rostelecom", 12389, "95.27", MOSCOW),
    Network("Comcast", 7922, "73.120", NEW_YORK),
    Network("BT", 2856, "86.160", MANCHESTER),
)
FAR_AWAY = (
    Network("MTN Nigeria", 29465, "105.112", LAGOS),
    Network("VNPT", 45899, "14.162", HANOI),
    Network("Claro", 28573, "177.32", SAO_PAULO),
    Network("Beeline", 8402, "95.24", MOSCOW),
)


def locate(network: Network, *key: object) -> Spot:
    """Give the address of a network that a key stands for: the same for the same key."""
    rng = Random("/".join(map(str, (network.name, *key))))
    octets = network.prefix.split(".")
    octets += [str(rng.randint(1, 254)) for _ in range(4 - len(octets))]
    return Spot(network, ".".join(octets))


def coordinates(network: Network) -> dict[str, object]:
    """Give the location of a network as sign-in logs write it."""
    place = network.place
    return {
        "city": place.city,
        "state": place.state,
        "countryOrRegion": place.country,
        "geoCoordinates": {"latitude": place.latitude, "longitude": place.longitude},
    }
