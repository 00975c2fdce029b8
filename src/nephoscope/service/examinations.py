"""Engines of examinations of images and disks: rules for malware, ClamAV, known digests, and the key for secrets."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from nephoscope.collect.malware.known_digests import KnownDigest
from nephoscope.collect.scanning.scan_options import LookedFor
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path

    from nephoscope.collect.malware.known_digests import KnownMalware
    from nephoscope.collect.malware.malware_engine import MalwareEngineScan
    from nephoscope.collect.malware.malware_scanner import MalwareScanner
    from nephoscope.collect.scanning.examination import ExaminedPart
    from nephoscope.state import State

_PURPOSE = b"fingerprints of secrets in files"
#: Objects of threat intelligence whose source is less sure than this (of 100) are Medium.
_SURE = 50


def get_custom_rules_folder(data: Path) -> Path:
    """Return where the rules for malware of the user's own lie in a data folder."""
    return data / "malware" / "rules"


def describe_engines(data: Path, parts: Collection[ExaminedPart], now: datetime) -> LookedFor:
    """Return what a scan looks for with what is installed here; raises MalwareRuleError, StateError.

    Fingerprints of secrets are made with a key of the data folder: they tell nothing to who does not have it.
    """
    malware = build_malware_scanner(data, now) if "malware" in parts else None
    secrets = "secrets" in parts
    return LookedFor(secrets, "configuration" in parts, malware, fingerprint_key(data) if secrets else b"")


def build_malware_scanner(data: Path, now: datetime) -> MalwareScanner:
    """Return the engines that look for malware: the rules of the product with those of the user, and ClamAV where it is installed.

    Raises MalwareRuleError for a rule that cannot be used.
    """
    # the engines are loaded where malware is looked for alone
    from nephoscope.collect.malware.clamav_discovery import find_clamav
    from nephoscope.collect.malware.malware_scanner import MalwareScanner
    from nephoscope.collect.malware.yara_rules import YaraEngine, load_custom_rules, load_product_rules

    engines: list[MalwareEngineScan] = [
        YaraEngine([*load_product_rules(), *load_custom_rules(get_custom_rules_folder(data))])
    ]
    if (clamav := find_clamav(now)) is not None:
        engines.append(clamav)
    return MalwareScanner(engines)


def build_rule_scanner(data: Path) -> MalwareScanner:
    """Return what scans single contents: the rules of the product with those of the user. Raises MalwareRuleError."""
    # the engine is loaded where malware is looked for alone
    from nephoscope.collect.malware.malware_scanner import MalwareScanner
    from nephoscope.collect.malware.yara_rules import YaraEngine, load_custom_rules, load_product_rules

    return MalwareScanner(
        [YaraEngine([*load_product_rules(), *load_custom_rules(get_custom_rules_folder(data))])]
    )


def explain_missing_rules(data: Path) -> str:
    """Return why single contents cannot be scanned, '' where they can."""
    from nephoscope.collect.malware.errors import MalwareRuleError

    try:
        return "; ".join(one.reason for one in build_rule_scanner(data).statuses if one.reason)
    except MalwareRuleError as error:
        return str(error)


def describe_file(data: Path, path: str, content: bytes) -> str:
    """Return the SHA-256 of a file and the malware rules that it matches, or why it was not scanned."""
    digest = f"SHA-256 {hashlib.sha256(content).hexdigest()}"
    if reason := explain_missing_rules(data):
        return f"{digest}, not scanned for malware: {reason}"
    found = build_rule_scanner(data).scan(path, content)
    titles = "; ".join(sorted({f"{one.title} ({one.rule})" for one in found.matches}))
    results = [f"malware: {titles}" if titles else "no malware rule matches", *found.unscanned, *found.failed]
    return ", ".join((digest, *results))


def fingerprint_key(data: Path) -> bytes:
    """Return the key of the fingerprints of secrets, made of the newest key of the data folder; raises StateError."""
    from nephoscope.state.access.key_file import KeyFile  # the state is loaded where a key is needed alone

    _, key = KeyFile(data).current()
    return hmac.digest(key, _PURPOSE, "sha256")


def load_known_malware(state: State, now: datetime) -> KnownMalware:
    """Return the files that threat intelligence knows by their SHA-256 and that hold at a time."""
    return {
        digest: KnownDigest(
            digest,
            str(one.document.get("name") or one.document.get("description") or "a known malicious file")[
                :200
            ],
            Severity.MEDIUM if one.confidence is not None and one.confidence < _SURE else Severity.HIGH,
            one.source,
        )
        for digest, one in state.intel.list_file_digests("SHA-256", now)
    }
