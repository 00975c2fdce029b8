"""Event sources: a command, a form and a document of an automation name the same."""

from __future__ import annotations

from typing import get_args

from nephoscope.automation.event_kinds import SOURCES
from nephoscope.operations.response.automations import EventSource
from nephoscope.service.automation_options import describe_events


def test_every_source_has_its_option_and_its_words() -> None:
    assert set(get_args(EventSource)) == set(SOURCES) == set(describe_events())
