"""Drawing templates: escaped, strict about what is not defined, with the few functions that pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from nephoscope import __version__
from nephoscope.web.drawing import charts, known_names, spoken, times, wording
from nephoscope.web.drawing.controls import show_control_characters
from nephoscope.web.drawing.picker import choices
from nephoscope.web.drawing.role_scopes import describe_place
from nephoscope.web.drawing.suppression_choices import describe
from nephoscope.web.visits.visit import KEPT, SPANS


@cache
def environment() -> Environment:
    """The templates of the package."""
    made = Environment(
        loader=PackageLoader("nephoscope.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        charts=charts,
        spans=SPANS,
        kept=KEPT,
        version=__version__,
        choices=choices,
        placed=describe_place,
        state_words={state.value: word for state, word in wording.STATES.items()},
        now=lambda: datetime.now(UTC),
    )
    made.filters.update(
        whole=wording.whole,
        counted=wording.count_text,
        caused=wording.cause_text,
        coded=wording.format_code,
        share=wording.share,
        ago=times.ago,
        cell=times.cell,
        lasting=wording.duration_text,
        spelled=wording.spell_duration,
        ports=wording.ports,
        short=wording.short,
        brief=wording.brief,
        kind=wording.kind,
        moment=times.moment,
        tactics=spoken.tactics,
        called=spoken.replace_ids,
        path=spoken.path,
        titled=known_names.name_in_title,
        unmet=wording.unmet,
        conditions=describe,
        reason=wording.reason,
        suppression_state=wording.suppression_state,
    )
    return made


def draw(template: str, **given: object) -> str:
    """A template filled; characters that would reorder or hide text are shown by their numbers."""
    return show_control_characters(environment().get_template(template).render(**given))


def show_navigation(areas: Callable[[], Sequence[tuple[str, Sequence[object]]]]) -> None:
    """Give the templates the navigation: what is called gives its parts, each with its pages."""
    environment().globals["areas"] = areas
