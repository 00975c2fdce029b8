"""Privileged settings: files, identity and non-Azure addresses that only an owner may set.

Sources: https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints,
https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure,
https://learn.microsoft.com/azure/china/resources-developer-guide
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nephoscope.connect.cloud import CLOUDS
from nephoscope.ingest.live.live_source import PrivilegedSetting, SourceKind

_BLOBS = (
    ".blob.core.windows.net", ".blob.storage.azure.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn",
)  # fmt: skip
_HUBS = (".servicebus.windows.net", ".servicebus.usgovcloudapi.net", ".servicebus.chinacloudapi.cn")
#: No user, no backslash: clients do not agree on which host such a URL has.
_ACCOUNT = re.compile(r"https://([A-Za-z0-9.-]+)(?::443)?(?:/[^\s\\@]*)?")
#: One broker: the client of Kafka takes several in one text, divided by commas.
_BROKER = re.compile(r"([A-Za-z0-9.-]+):[0-9]{1,5}")


def list_privileged_settings(kind: SourceKind, settings: object) -> tuple[str, ...]:
    """Return what of settings is the server's own, as `ca (a file of the server)`."""
    return tuple(f"{name} ({one.when})" for name, one in kind.owned.items() if one.holds(settings))


def is_always_owned(kind: SourceKind) -> bool:
    """Return whether every source of a kind has settings that are the server's own."""
    return IDENTITY in kind.owned.values()


def declare_file_setting(setting: str) -> PrivilegedSetting:
    """A setting that names a file."""
    return PrivilegedSetting("a file of the server", lambda settings: bool(getattr(settings, setting)))


def declare_server_identity_setting(*ways: str) -> PrivilegedSetting:
    """A setting `credential` that is the server's identity but for some ways to sign in."""
    return PrivilegedSetting("the identity of the server", lambda settings: settings.credential not in ways)


#: A setting `credential` that is the server's identity whatever it says.
IDENTITY = PrivilegedSetting("the identity of the server", lambda _: True)
#: The same where `sign_in` takes a token of Entra ID.
IDENTITY_OF_ENTRA = PrivilegedSetting(
    "the identity of the server", lambda settings: settings.sign_in == "entra"
)
#: A setting `private` that lets in what is not on the internet.
PRIVATE = PrivilegedSetting("an address that is not public", lambda settings: settings.private)
#: A setting `cloud` that names a file.
CLOUD = PrivilegedSetting("a file of the server", lambda settings: settings.cloud.lower() not in CLOUDS)
#: A setting `account_url` that is no storage account of a known cloud.
ACCOUNT = PrivilegedSetting(
    "an address that is none of Azure's storage accounts",
    lambda settings: not _is_account(settings.account_url),
)
#: A setting `brokers` of which one is no namespace of Event Hubs of a known cloud.
BROKERS = PrivilegedSetting(
    "an address that is none of Azure's Event Hubs", lambda settings: not are_hubs(settings.brokers)
)


def _is_account(url: str) -> bool:
    found = _ACCOUNT.fullmatch(url)
    return found is not None and _has_suffix(found[1], _BLOBS)


def are_hubs(brokers: Iterable[str]) -> bool:
    """Return whether brokers (HOST:PORT) are namespaces of Event Hubs of a known cloud."""
    parted = (_BROKER.fullmatch(one) for one in brokers)
    return all(one is not None and _has_suffix(one[1], _HUBS) for one in parted)


def _has_suffix(host: str, suffixes: tuple[str, ...]) -> bool:
    return host.lower().endswith(suffixes)
