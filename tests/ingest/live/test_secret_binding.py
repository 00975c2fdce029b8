"""Stored secrets stay with what they were given for: a change of the place wants them anew, over every kind that has secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nephoscope.ingest.live import source_setup
from nephoscope.ingest.live.source_kinds import describe_kind, load_source_kinds, parse_settings
from nephoscope.ingest.live.source_setup import TOKENS, get_source_secrets
from nephoscope.ingest.live.supervisor import make_source
from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.ingest.source_failures import SourceSettingsError
from nephoscope.lake.lake import Lake
from nephoscope.state import State, StateError
from nephoscope.state.ingestion.sources import Source

CASES = yaml.load(
    (Path(__file__).parents[2] / "cases/ingest/bound_secrets.yaml").read_text(encoding="utf-8"),
    yaml.CSafeLoader,
)
ROWS = [(kind, setting) for kind, case in CASES.items() for setting in case["moves"]]
UNUSED = [kind for kind, case in CASES.items() if "unused" in case]


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    names = ("certificate", "key", "authority")
    found = issue_self_signed(tmp_path_factory.mktemp("tls"), ("localhost",))
    return dict(zip(names, map(str, found), strict=True))


@pytest.fixture
def state(tmp_path) -> Iterator[State]:
    with State.open_folder(tmp_path) as found:
        yield found


def added(state: State, kind: str) -> Source:
    case = CASES[kind]
    return source_setup.add_source(state, Source("s", kind, {}), case["settings"], case["secrets"])


def test_every_kind_with_secrets_says_what_binds_them() -> None:
    # what a source of applications keeps are hashes of the tokens that it lets in: they go nowhere
    assert set(CASES) == {name for name, kind in load_source_kinds().items() if kind.secrets} - {TOKENS}
    for name, case in CASES.items():
        kind = load_source_kinds()[name]
        assert kind.binds == case["moves"].keys()
        assert {one.name for one in describe_kind(kind)} == {*case["moves"], *case["stays"]}
        assert set(kind.uses(parse_settings(kind, case["settings"]))) <= kind.secrets.keys()


@pytest.mark.parametrize(("kind", "setting"), ROWS, ids=[":".join(row) for row in ROWS])
def test_a_stored_secret_does_not_go_elsewhere(state, places, kind, setting) -> None:
    case, before = CASES[kind], added(state, kind)
    change = {name: text.format(**places) for name, text in case["moves"][setting].items()}
    given = case.get("given", {}).get(setting)
    if given is None:
        wanted = load_source_kinds()[kind].uses(
            parse_settings(load_source_kinds()[kind], {**case["settings"], **change})
        )
        given = {name: case["secrets"][name] for name in wanted}
        with pytest.raises(SourceSettingsError, match="changed: enter") as refused:
            source_setup.change(state, "s", change)
        assert setting in str(refused.value)
        assert all(name in str(refused.value) for name in given)
        assert "hidden" not in str(refused.value)
        assert state.sources.get("s") == before
        assert get_source_secrets(state, before) == case["secrets"]
    after = source_setup.change(state, "s", change, given)
    assert get_source_secrets(state, after) == given, "those of before are dropped"


@pytest.mark.parametrize("kind", UNUSED)
def test_what_is_not_used_any_more_is_dropped(state, kind) -> None:
    added(state, kind)
    assert get_source_secrets(state, source_setup.change(state, "s", CASES[kind]["unused"])) == {}


@pytest.mark.parametrize("kind", CASES)
def test_what_decides_nothing_keeps_the_secrets(state, kind) -> None:
    case, before = CASES[kind], added(state, kind)
    same = {name: before.settings[name] for name in load_source_kinds()[kind].binds}
    after = source_setup.change(state, "s", {**same, "destination" if "destination" in case["stays"] else "poll": {
        "event_hub": "dedicated", "storage": "dedicated"}.get(kind, 77)})  # fmt: skip
    assert get_source_secrets(state, after) == case["secrets"]


def test_a_setting_that_an_older_release_did_not_know_stands_at_its_default(state) -> None:
    before = added(state, "misp")
    older = {name: value for name, value in before.settings.items() if name != "ca"}
    state.sources.set("s", settings=older)
    after = source_setup.change(state, "s", {"poll": 60})
    assert get_source_secrets(state, after) == CASES["misp"]["secrets"]


def test_a_change_that_came_between_is_not_undone(state, monkeypatch) -> None:
    added(state, "misp")
    checked = source_setup.check_source

    def overtaken(*given, **options) -> None:
        checked(*given, **options)
        state.sources.set("s", settings={**state.sources.get("s").settings, "url": "https://other.example/"})

    monkeypatch.setattr(source_setup, "check_source", overtaken)
    with pytest.raises(StateError, match="changed meanwhile"):
        source_setup.change(state, "s", secrets={"key": "another"})
    source = state.sources.get("s")
    assert (source.settings["url"], get_source_secrets(state, source)) == (
        "https://other.example/",
        CASES["misp"]["secrets"],
    )


def test_the_secrets_of_a_new_source_do_not_become_those_of_another_of_its_name(state, monkeypatch) -> None:
    # another is set up under the name after it was seen to be free
    other = added(state, "misp")
    monkeypatch.setattr(type(state.sources), "all", lambda _: ())
    given = {"url": "https://mine.example/"}
    with pytest.raises(StateError, match="already"):
        source_setup.add_source(state, Source("s", "misp", {}), given, {"key": "mine"})
    assert get_source_secrets(state, other) == CASES["misp"]["secrets"]


def test_a_run_with_settings_of_before_is_not_given_the_secrets_of_now(state, tmp_path) -> None:
    before = added(state, "misp")
    source_setup.change(state, "s", {"url": "https://other.example/"}, {"key": "another"})
    with (
        Lake.open(tmp_path, state) as lake,
        pytest.raises(SourceSettingsError, match="changed while the source started"),
    ):
        make_source(before, lake, state, tmp_path)


def test_a_source_whose_settings_are_wrong_can_be_paused(state) -> None:
    added(state, "misp")
    state.sources.set("s", settings={"url": 7})
    assert not source_setup.change(state, "s", enabled=False).enabled
