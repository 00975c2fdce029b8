"""Long work without a terminal is told of now and then."""

from __future__ import annotations

from nephoscope.cli.session.progress_lines import ProgressLines


def test_a_line_comes_when_enough_time_has_passed() -> None:
    said: list[str] = []
    moments = iter((0.0, 3.0, 11.0, 12.0, 25.0))
    lines = ProgressLines(10.0, lambda: next(moments), said.append)
    for what, done, total in (
        ("reading files", 1, 0),
        ("reading files", 1200, 0),
        ("judging rules", 1, 9),
        ("judging rules", 5, 9),
    ):
        lines(what, done, total)
    assert said == ["reading files: 1,200", "judging rules: 5 of 9"]


def test_no_command_of_a_test_tells_how_far_it_is_since_that_hangs_on_the_machine() -> None:
    said: list[str] = []
    moments = iter(range(0, 10_000, 1_000))
    lines = ProgressLines(clock=lambda: next(moments), say=said.append)
    for done in range(5):
        lines("judging", done, 5)
    assert not said
