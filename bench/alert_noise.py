"""How many alerts the shipped rules raise over benign days of the sample company, before and after the product's own tuning advice.

Usage: python bench/alert_noise.py [--seed N] [--days N] [--users N] [--learn N] [--folder DIR] [--lists]
           [--exact] [--no-attacks]

The days are made, taken into a lake and looked at by every shipped rule in every window of its schedule, by the detector and the desk
that `detect` uses. Windows that hardly find anything are passed over: a block of windows is looked at as one first, and only where
that finds something each by itself; rules that judge a time as a whole are run in each window. A block has a past of its own: what is
new in one of its windows and usual by the block's own past can be missed. `--exact` runs every window.
Advice is learned from the first days (`--learn`), whose incidents an analyst has closed as benign; what is proven or likely and is not
"turn the rule off" is followed, again until there is none. The days after it are then counted with and without it: nothing of them was
seen by the advice. Then each staged attack is laid over the last day: at least one alert of it must be raised with the tuning.

Printed: alerts per 1,000 users and day of the second part, before and after, the cut, and the rules with the most of either.
Exit 1 where more than 5 are left, less than 70 % are cut, or an attack is not found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from nephoscope.alerts.incidents.incident_service import IncidentService  # noqa: E402
from nephoscope.alerts.rules.rule import AnalyticRule  # noqa: E402
from nephoscope.alerts.rules.rule_files import load_shipped_rules  # noqa: E402
from nephoscope.alerts.rules.window import build_window  # noqa: E402
from nephoscope.alerts.tuning.advice import Confidence, TuningAdvisor  # noqa: E402
from nephoscope.alerts.tuning.effective_rules import EffectiveTuning  # noqa: E402
from nephoscope.alerts.tuning.replay import open_temporary_state  # noqa: E402
from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.model.alert import Alert  # noqa: E402
from nephoscope.sample.generator import Generator  # noqa: E402
from nephoscope.sample.sample_loading import SampleLogLoader  # noqa: E402
from nephoscope.sample.staged_attacks import Attack, load_attacks  # noqa: E402
from nephoscope.service.incidents import change_incidents  # noqa: E402
from nephoscope.service.local_user import LocalUser  # noqa: E402
from nephoscope.service.service_context import ServiceContext  # noqa: E402
from nephoscope.service.tuning import apply_advice  # noqa: E402
from nephoscope.state import State  # noqa: E402
from nephoscope.state.incidents.alerts import StoredAlert  # noqa: E402
from nephoscope.state.incidents.incidents import IncidentStatus  # noqa: E402
from noise.windows import Windows  # noqa: E402

ALLOWED, CUT = 5.0, 0.7
Found = Sequence[tuple[datetime, AnalyticRule]]


@dataclass(frozen=True, slots=True)
class Part:
    """Days that are counted together."""

    since: datetime
    until: datetime
    users: int

    def rate(self, alerts: Sequence[StoredAlert]) -> float:
        """Alerts per 1,000 users and day."""
        return len(self.of(alerts)) / (self.until - self.since).days / self.users * 1000

    def of(self, alerts: Sequence[StoredAlert]) -> list[StoredAlert]:
        """Those that were raised, of windows that ended in it."""
        return [one for one in alerts if not one.held_by and self.since < one.raised <= self.until]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--learn", type=int, default=15, help="days that advice is learned from")
    parser.add_argument(
        "--folder", type=Path, help="where the lake is made and kept (default: a temporary folder)"
    )
    parser.add_argument(
        "--lists", action="store_true", help="with the company's lists of its egress and scanners"
    )
    parser.add_argument("--exact", action="store_true", help="run every window of every rule")
    parser.add_argument("--no-attacks", action="store_true", help="only count")
    return parser.parse_args()


def taken(lake: Lake, state: State, generator: Generator, *, lists: bool) -> None:
    """The company's days in the lake, and where they are asked for the lists that its operator has written."""
    marker = lake.data / "taken"
    if marker.exists():
        return
    loading = SampleLogLoader(lake, state, state.workspaces.get())
    if lists:
        loading.describe()
    tally = loading.days(generator)
    lake.compact()
    marker.write_text(f"{tally.outcome.records}")


def passed(windows: Windows, state: State, found: Found, *, tuned: bool) -> None:
    """Take what windows found to the desk, as the schedule would."""
    incident_service = IncidentService(state, "default")
    known = EffectiveTuning.load(state, windows.lake, "default", found[0][0]) if tuned and found else None
    with windows.lake.reading("default") as reading:
        detector = windows.detector(reading)
        for end, rule in found:
            one = known.apply_to_rule(rule) if known else rule
            if one.enabled:
                now = end + timedelta(minutes=6)
                incident_service.store_outcome(detector.run(one, build_window(one, end), now), now)


def acting(state: State, now: datetime) -> ServiceContext:
    """Return the context in which the analyst acts at a time of the days."""
    return ServiceContext(LocalUser.current(), state, Path(), lambda: now)


def closed(state: State, now: datetime) -> None:
    """What an analyst says of benign days."""
    numbers = [
        one.number
        for one in state.incidents.list_newest("default", most=1_000_000)
        if one.status is not IncidentStatus.CLOSED
    ]
    closing = {"status": IncidentStatus.CLOSED, "classification": "BenignPositive"}
    change_incidents(acting(state, now), "default", numbers, "update", closing)


def advised(windows: Windows, state: State, rules: Sequence[AnalyticRule], part: Part) -> Counter[str]:
    """Follow the advice that the days give, until there is none; how many of each kind."""
    kinds: Counter[str] = Counter()
    while followed := _followed(windows, state, rules, part):
        kinds += followed
    return kinds


def _followed(windows: Windows, state: State, rules: Sequence[AnalyticRule], part: Part) -> Counter[str]:
    """Follow the first advice for each rule: what is left of the others is seen when they are asked for again."""
    advising = TuningAdvisor(state, windows.lake, "default", part.since, part.until, knows=windows.knows)
    kinds: Counter[str] = Counter()
    done: set[str] = set()
    for one in list(advising.list_advice(rules)):
        if one.kind != "disable" and one.confidence is not Confidence.REVIEW and one.rule.id not in done:
            apply_advice(acting(state, part.until), "default", one, part.until + timedelta(days=90))
            done.add(one.rule.id)
            kinds[one.kind] += 1
            print(f"  {one.kind}: {one.rule.name}: {one.proposal.text} ({len(one.hides)} of {one.of})")
    return kinds


def table(before: Sequence[StoredAlert], after: Sequence[StoredAlert]) -> None:
    """The rules with the most alerts."""
    names = {one.rule: str(one.document["AlertName"]) for one in before}
    first, second = (Counter(one.rule for one in several) for several in (before, after))
    print(f"\n{'before':>7} {'after':>7}  rule")
    for rule, count in first.most_common(25):
        print(f"{count:7} {second[rule]:7}  {names[rule]}")


def counted(
    windows: Windows, rules: Sequence[AnalyticRule], learn: Part, rest: Part, generator: Generator | None
) -> tuple[float, float, list[tuple[str, int]]]:
    """Alerts per 1,000 users and day of the rest before and after, and the attacks with how many alerts each has (None: not asked)."""
    found = windows.run(rules, learn.since, rest.until)
    first = [one for one in found if one[0] <= learn.until]
    second = [one for one in found if one[0] > learn.until]
    with open_temporary_state() as plain:
        passed(windows, plain, found, tuned=False)
        before = plain.alerts.history("default", learn.since, rest.until + timedelta(days=1))
    with open_temporary_state() as state:
        passed(windows, state, first, tuned=False)
        closed(state, learn.until)
        print("advice that was followed:")
        kinds = advised(windows, state, rules, learn)
        passed(windows, state, second, tuned=True)
        after = state.alerts.history("default", learn.until, rest.until + timedelta(days=1))
        print(f"followed: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items())) or 'none'}")
        table(rest.of(before), rest.of(after))
        print(f"\nfirst part, untuned: {learn.rate(before):.2f} alerts per 1,000 users and day")
        known = {one.id for one in before}
        found_attacks = staged(windows, state, rules, generator, known) if generator else []
        return rest.rate(before), rest.rate(after), found_attacks


def staged(
    windows: Windows, tuning: State, rules: Sequence[AnalyticRule], generator: Generator, known: set[str]
) -> list[tuple[str, int]]:
    """All attacks laid over the last day of a copy of the lake; (attack, alerts with its address that the tuned rules raise)."""
    last = generator.start + timedelta(days=generator.days - 1)
    begin = datetime.combine(last, time(), UTC)
    with tempfile.TemporaryDirectory(prefix="alert-noise-") as folder:
        copy = Path(folder) / "lake"
        shutil.copytree(windows.lake.data, copy, ignore=shutil.ignore_patterns("found.pickle"))
        with State.open_folder(copy) as state, Lake.open(copy, state) as lake:
            loading = SampleLogLoader(lake, state, state.workspaces.get())
            for one in load_attacks().values():
                loading.load_entries(one.entries(generator.company, last), begin)
            lake.flush(timeout=600)
            own = Windows(lake, Path(folder) / "found.pickle", windows.exact)
            tuned, ends = EffectiveTuning.load(tuning, lake, "default", begin), begin + timedelta(days=1)
            found = own.run(rules, begin, ends)
            with lake.reading("default") as reading:
                detector = own.detector(reading)
                raised = [
                    alert
                    for end, rule in found
                    for alert in detector.run(tuned.apply_to_rule(rule), build_window(rule, end), end).alerts
                    if not alert.held_by and alert.id not in known
                ]
    return [(name, sum(_about(one, alert) for alert in raised)) for name, one in load_attacks().items()]


def _about(attack: Attack, alert: Alert) -> bool:
    """Whether an alert names an address from which the attack comes."""
    places = {str(one["place"]["address"]) for one in attack.actors.values() if "place" in one}
    values = {value for entity in alert.entities for _, value in entity.identifiers}
    return bool(places & values)


def keep_start(kept: Path, start: date, made_with: str) -> date:
    """Return the first day of the lake that a folder has, or note that of a new one; SystemExit where other options made it."""
    if not kept.exists():
        kept.write_text(f"{start.isoformat()} {made_with}")
        return start
    known, _, before = kept.read_text().partition(" ")
    if before != made_with:
        raise SystemExit(
            f"{kept.parent} was made with {before or 'other options'}: name another folder, or give these"
        )
    return date.fromisoformat(known)


def main() -> int:
    """Run it; the exit code."""
    options = arguments()
    start = date.today() - timedelta(days=options.days)
    with tempfile.TemporaryDirectory(prefix="alert-noise-") as temporary:
        folder = (options.folder or Path(temporary)) / f"seed-{options.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        start = keep_start(folder / "start", start, f"--days {options.days} --users {options.users}")
        with State.open_folder(folder) as state, Lake.open(folder, state) as lake:
            generator = Generator(start, options.days, options.seed, options.users)
            taken(lake, state, generator, lists=options.lists)
            return measured(Windows(lake, folder / "found.pickle", options.exact), generator, options)


def measured(windows: Windows, generator: Generator, options: argparse.Namespace) -> int:
    """Count, print, and say whether it is good enough."""
    begin = datetime.combine(generator.start, time(), UTC)
    middle, end = begin + timedelta(days=options.learn), begin + timedelta(days=options.days)
    rules = [one for one in load_shipped_rules().rules if one.enabled]
    before, after, found = counted(
        windows,
        rules,
        Part(begin, middle, options.users),
        Part(middle, end, options.users),
        None if options.no_attacks else generator,
    )
    cut = 1 - after / before if before else 0.0
    print(
        f"seed {options.seed}, {options.users} users, {len(rules)} rules, {options.days - options.learn} days after {options.learn}:"
        f" before {before:.2f}, after {after:.2f} alerts per 1,000 users and day, a cut of {cut:.0%}"
    )
    for name, error in windows.errors.items():
        print(f"could not be run: {name}: {error}")
    for name, there in found:
        print(f"{'found' if there else 'MISSED'}: {name} ({there} alerts)")
    good = after <= ALLOWED and cut >= CUT and all(there for _, there in found) and not windows.errors
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
