"""Recorded host attacks and ordinary logs against the shipped detections: `host_attacks.py CORPUS [--only SOURCE] [-v]`.

CORPUS is a folder of the shape of corpora/detection. The text of each recording goes through the real formats into its tables,
its last row just before now, and every shipped rule that reads one of these tables runs over it.

A recording with techniques is found where an alert carries one of them; one whose alerts carry only the parent counts half and
is no match. One without techniques is found by an alert of its tactic; one without either is not judged. A Sigma rule is imported
and must match as many of its events as its authors say. Lines of level 0, logs without scenarios and calls on which no detector
fires must raise nothing; lines of level 5 and more an alert that names their address and user. A log of scenarios must raise, for
each family of them, alerts about its sources and no others. Prints recall and specificity a source, and beside them how many
recordings raise an alert at all; the last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from corpus_records import raised as error_of
from detection_engine import NOW, DetectionEngine
from host_recordings import SOURCES, Recording

from nephoscope.alerts.library.content_discovery import read
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.tactics import TACTICS
from nephoscope.model.alert import Alert

Raised = Mapping[str, tuple[AnalyticRule, Sequence[Alert]]]
#: Scenarios of products whose logs no table of Azure holds, and of clouds that are not Azure: printed, not judged.
FOREIGN = re.compile(
    r"/(?:(?!http-|cve-|ssh|auditd|iptables|pf-|k8s|telnet|endlessh|apache_log4j|f5-|fortinet-cve|thinkphp|vmware-cve|netgear|modsecurity"
    r"|proftpd|dovecot|postfix|exim|charon|openvpn|zoneminder_cve|nextcloud).)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)|(?<![\w.:])[0-9a-f:]*:[0-9a-f:]*:[0-9a-f.:]*"
)
#: How a line names a user, whatever its program; of sudo and su also the one who asks.
_NAME = r"([a-z_][\w.@-]*)"
_USERS = (
    re.compile(
        r"\b(?:user(?:name)?|usrname|uname|r?user|acct|invalid user|for user|failed command for|bad su)(?:[=:]| (?!=))[ \"'<]*"
        + _NAME
    ),
    re.compile(rf"\b(?:sudo|doas)(?:\[\d+\])?: +{_NAME} : "),
    re.compile(rf"\b(?:sql|pam|passwd-file|ldap|userdb)\({_NAME},"),
)
#: Techniques that MITRE revoked, with the one that stands for each today.
_REVOKED = {"T1186": "T1055.013"}
_FAMILIES = (
    ("T1110", re.compile(r"bf|user-enum|user_enum|brute")),
    ("T1190", re.compile(r"cve|rce|log4j|modsecurity|cmd|w00tw00t|sqli|xss")),
    ("T1595", re.compile(r"scan|prob|crawl|sensitive|bad-user|generic-test|admin-interface|open-proxy")),
)


@dataclass
class Verdict:
    """How one recording was judged. `raised`: it raised an alert; `parent`: only the parent technique was named."""

    matches: bool
    raised: bool
    why: str = ""
    parent: bool = False
    weight: int = 1
    left: int = 0


@dataclass
class Tally:
    """What a source came to."""

    attacks: Counter[str] = field(default_factory=Counter)
    benign: Counter[str] = field(default_factory=Counter)

    def add(self, recording: Recording, verdict: Verdict) -> None:
        """Count a verdict."""
        counter = self.attacks if recording.attack else self.benign
        counter["all"] += verdict.weight
        counter["matches"] += verdict.matches if recording.attack else verdict.left
        counter["raised"] += verdict.raised
        counter["half"] += verdict.parent


class Judge:
    """Runs the rules over recordings and compares what they raise with what was recorded."""

    def __init__(self) -> None:
        self.engine = DetectionEngine()
        self.tables: Counter[str] = Counter()

    def assess(self, recordings: Sequence[Recording]) -> list[Verdict]:
        """The verdicts about recordings; an exception is a miss with its reason."""
        rows = [self._rows(one) for one in recordings]
        raised = self.engine.alerts_together(
            [
                {} if one.source == "sigma_regression" else found
                for one, (found, _) in zip(recordings, rows, strict=True)
            ]
        )
        return [
            Verdict(False, False, wrong, weight=one.lines) if wrong else self._verdict(one, found, alerts)
            for one, (found, wrong), alerts in zip(recordings, rows, raised, strict=True)
        ]

    def _rows(self, recording: Recording) -> tuple[dict[str, list[dict[str, Any]]], str]:
        """The rows of a recording, or why there are none."""
        if recording.wrong:
            return {}, recording.wrong
        try:
            rows = moved_to_now(self.engine.rows_of(recording.data, recording.id))
            for name in rows.keys() & {one.name for one in self.engine.tables}:
                self.engine.to_arrow(name, rows[name])
        except Exception as error:  # noqa: BLE001 - a runner's border: a record that cannot be read is a miss, and is shown
            return {}, error_of(error)
        return rows, ""

    def _verdict(
        self, recording: Recording, rows: dict[str, list[dict[str, Any]]], raised: Raised
    ) -> Verdict:
        try:
            return self._judge(recording, rows, raised)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
            return Verdict(False, False, error_of(error), weight=recording.lines)

    def _judge(self, recording: Recording, rows: dict[str, list[dict[str, Any]]], raised: Raised) -> Verdict:
        if recording.source == "sigma_regression":
            return self._count_matches(recording, rows)
        if not recording.attack:
            return left_alone(recording, raised)
        if recording.source == "crowdsec_logs":
            return names_sources(recording, raised)
        if recording.source == "wazuh_lines":
            return names_line(recording, raised)
        return carries_technique(recording, raised, rows)

    def _count_matches(self, recording: Recording, rows: Mapping[str, list[dict[str, Any]]]) -> Verdict:
        wanted = recording.record["match_count"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rule.yml"
            path.write_text(recording.record["rule"])
            found = read(path)
        if not found.pieces:
            return Verdict(False, False, "not imported: " + "; ".join(found.unusable[0].reasons))
        count = self.engine.count(found.pieces[0].document["query"], rows)
        right = count > 0 if wanted is None else count == wanted
        return Verdict(right, count > 0, f"{count} rows of {'; '.join(sorted(rows))}, wanted {wanted}")


def moved_to_now(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The rows with their times moved, so that the last lies a minute before now."""
    times = [
        one["TimeGenerated"]
        for several in rows.values()
        for one in several
        if isinstance(one.get("TimeGenerated"), datetime)
    ]
    if not times:
        return dict(rows)
    move = NOW - timedelta(minutes=1) - max(times)
    return {name: [_moved(one, move) for one in several] for name, several in rows.items()}


def _moved(row: dict[str, Any], move: timedelta) -> dict[str, Any]:
    time = row.get("TimeGenerated")
    return {**row, "TimeGenerated": time + move} if isinstance(time, datetime) else row


def alerts_of(raised: Raised) -> list[Alert]:
    """All alerts."""
    return [alert for _, several in raised.values() for alert in several]


def names_of(raised: Raised) -> str:
    """The rules that fired, for a reader."""
    return "; ".join(sorted(rule.name for rule, _ in raised.values())) or "nothing"


def techniques_of(alert: Alert) -> set[str]:
    """The techniques of an alert and, as columns of SecurityAlert have them, the parents of these."""
    told = re.findall(
        r"T\d{4}(?:\.\d{3})?",
        " ".join(alert.properties.get(one, "") for one in ("Techniques", "SubTechniques")),
    )
    found = set(told or alert.techniques)
    found |= {old for old, new in _REVOKED.items() if new in found}
    return found | {one.partition(".")[0] for one in found}


def carries_technique(recording: Recording, raised: Raised, rows: Mapping[str, Sequence[Any]]) -> Verdict:
    """Whether an alert names a technique of the recording, or its tactic where it has none."""
    alerts = alerts_of(raised)
    said = f"{names_of(raised)} over {', '.join(f'{name} {len(several)}' for name, several in rows.items())}"
    if not recording.techniques:
        tactic = TACTICS[recording.tactic]
        return Verdict(any(tactic in one.tactics for one in alerts), bool(alerts), f"{tactic}: {said}")
    named = {one for alert in alerts for one in techniques_of(alert)}
    exact = bool(named & set(recording.techniques))
    parents = {one.partition(".")[0] for one in recording.techniques}
    return Verdict(
        exact,
        bool(alerts),
        f"{','.join(recording.techniques)}: {said}",
        parent=not exact and bool(named & parents),
    )


def left_alone(recording: Recording, raised: Raised) -> Verdict:
    """Whether ordinary lines raised nothing, and how many of a block did not; what a detector fires on elsewhere is no fault."""
    alerts = [one for one in alerts_of(raised) if not techniques_of(one) & set(recording.elsewhere)]
    left = max(recording.lines - sum(one.events for one in alerts), 0)
    return Verdict(not alerts, bool(alerts), f"raised {names_of(raised)}", weight=recording.lines, left=left)


def identifiers(alerts: Iterable[Alert], *kinds: str) -> set[str]:
    """The identifiers of the entities of alerts, of these kinds alone where kinds are given."""
    return {
        str(value).lower()
        for alert in alerts
        for entity in alert.entities
        if not kinds or entity.kind in kinds
        for value in (entity.title, *dict(entity.identifiers).values())
    }


def names_line(recording: Recording, raised: Raised) -> Verdict:
    """Whether one alert about lines names an address of them and their user, as far as they have these."""
    text = recording.data.decode().lower()
    addresses = {one.removeprefix("::ffff:") for one in _ADDRESS.findall(text) if is_address(one)}
    users = {name for pattern in _USERS for name in pattern.findall(text)}
    named = any(
        (not addresses or addresses & identifiers([one], "IP"))
        and (not users or users & identifiers([one], "Account"))
        for one in alerts_of(raised)
    )
    record = recording.record
    return Verdict(
        named, bool(raised), f"{record['group']} {record['level']} {record['case']}: {names_of(raised)}"
    )


def find_technique(scenario: str, sources: Sequence[str]) -> str:
    """The technique that a scenario is about, '' where its name does not say; what a local user exploits is on no public server."""
    lowered = scenario.rpartition("/")[2].lower()
    technique = next((name for name, pattern in _FAMILIES if pattern.search(lowered)), "")
    is_local = bool(sources) and not any(map(is_address, sources))
    return "T1068" if technique == "T1190" and is_local else technique


def names_sources(recording: Recording, raised: Raised) -> Verdict:
    """Whether the alerts of each family of scenarios name their sources and no others; without sources, whether there are any."""
    by_family: dict[str, list[Sequence[str]]] = defaultdict(list)
    for one in recording.expected:
        by_family[find_technique(one["scenario"] or "", one["sources"])].append(one["sources"])
    alerts = alerts_of(raised)
    right = all(_are_named(several, _about(name, alerts)) for name, several in by_family.items())
    scenarios = ", ".join(str(one["scenario"]) for one in recording.expected)
    return Verdict(right, bool(raised), f"{recording.record['log_type']} {scenarios}: {names_of(raised)}")


def _are_named(several: Sequence[Sequence[str]], alerts: Sequence[Alert]) -> bool:
    """Whether alerts name all sources, and no address beside them where the sources of each scenario are known and are addresses."""
    sources = {one.lower() for each in several for one in each}
    named = identifiers(alerts)
    if not alerts or not sources <= named:
        return False
    others = {one for one in named - sources if is_address(one)}
    return not others or not all(several) or not any(map(is_address, sources))


def _about(technique: str, alerts: Iterable[Alert]) -> list[Alert]:
    return [one for one in alerts if not technique or technique in techniques_of(one)]


def is_address(text: str) -> bool:
    """Whether a text is an address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_judged(recording: Recording) -> bool:
    """Whether a recording says what it should raise: by techniques, a tactic, or known scenarios of no foreign product."""
    if recording.source == "wazuh_lines":
        return recording.record["level"] == 0 or recording.record["level"] >= 5
    if recording.source == "crowdsec_logs":
        scenarios = [str(one["scenario"]) for one in recording.expected if one["scenario"]]
        return recording.record["expected_alerts"] is not None and not (
            scenarios and all(map(FOREIGN.search, scenarios))
        )
    if is_technique_judged(recording):
        return bool(recording.techniques) or recording.tactic in TACTICS
    return True


def is_technique_judged(recording: Recording) -> bool:
    """Whether a recording is found by its techniques; a Sigma rule is by its count, lines and logs by whom alerts name."""
    return recording.attack and recording.source not in {"sigma_regression", "wazuh_lines", "crowdsec_logs"}


def show(name: str, tally: Tally) -> None:
    """Print what a source came to."""
    attacks, benign = tally.attacks, tally.benign
    parts = [f"{name:<20}"]
    if attacks["all"]:
        whole = attacks["all"]
        parts.append(
            f"recall {attacks['matches']}/{whole} = {attacks['matches'] / whole:.1%}, some alert {attacks['raised']}"
            + (f", parent technique alone {attacks['half']}" if attacks["half"] else "")
        )
    if benign["all"]:
        parts.append(
            f"left alone {benign['matches']}/{benign['all']} = {benign['matches'] / benign['all']:.1%}"
        )
    print(" ".join(parts))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--only", default="", help="the beginning of a file's name")
    parser.add_argument("-v", action="store_true", dest="verbose")
    options = parser.parse_args()
    assess, matched, of, foreign, unnamed = Judge(), 0, 0, Counter[str](), 0
    total, by_technique = Tally(), defaultdict[str, Counter[bool]](Counter)
    for name, recordings in SOURCES.items():
        if not name.startswith(options.only) or not (options.corpus / name).exists():
            continue
        tally = Tally()
        several = list(recordings(options.corpus / name))
        judged = [one for one in several if one.wrong or is_judged(one)]
        passed = [one for one in several if not (one.wrong or is_judged(one))]
        foreign.update(str(each["scenario"]) for one in passed for each in one.expected)
        unnamed += sum(map(is_technique_judged, passed))
        for recording, verdict in zip(judged, assess.assess(judged), strict=True):
            if recording.source != "loghub_openssh":  # full of brute force: shown, judged neither way
                tally.add(recording, verdict)
                matched, of = matched + verdict.matches, of + 1
            for technique in recording.techniques if is_technique_judged(recording) else ():
                by_technique[technique][verdict.matches] += 1
            if options.verbose and not verdict.matches:
                print(
                    f"{recording.source} {recording.id}: wanted {'an alert' if recording.attack else 'none'}, {verdict.why}"
                )
        show(name.partition(".")[0], tally)
        total.attacks.update(tally.attacks)
        total.benign.update(tally.benign)
    if unnamed:
        print(f"not judged, recordings without a technique or tactic: {unnamed}")
    if foreign:
        print(f"not judged, scenarios of other products: {', '.join(sorted(foreign))}")
    print(
        "techniques: "
        + ", ".join(f"{name} {found[True]}/{found.total()}" for name, found in sorted(by_technique.items()))
    )
    show("all sources", total)
    print(f"{matched}/{of} match")
    return 0


if __name__ == "__main__":
    sys.exit(main())
