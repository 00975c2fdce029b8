"""Templates: escaped, strict about undefined values, with shared functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from nephoscope import __version__
from nephoscope.web.rendering import (
    charts,
    display_names,
    formatting,
    known_names,
    section_cells,
    time_elements,
)
from nephoscope.web.rendering.condition_words import cite_conditions, humanize_conditions
from nephoscope.web.rendering.control_characters import show_control_characters
from nephoscope.web.rendering.entity_names import entity_icon, entity_path, entity_words
from nephoscope.web.rendering.icons import icon
from nephoscope.web.rendering.plain_words import plain_words
from nephoscope.web.rendering.resource_type_names import name_type
from nephoscope.web.rendering.role_scopes import describe_place
from nephoscope.web.rendering.scope_picker import choices
from nephoscope.web.rendering.suppression_choices import describe
from nephoscope.web.rendering.template_bytecode import RuntimeCodeGenerator, TemplateBytecodeCache
from nephoscope.web.static_files import static_address
from nephoscope.web.style_sheet import style_address
from nephoscope.web.visits.request_context import FIRST_PAGE, KEPT, SPANS


@cache
def environment() -> Environment:
    """The templates of the package."""
    made = Environment(
        loader=PackageLoader("nephoscope.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,
    )
    made.code_generator_class = RuntimeCodeGenerator
    made.globals.update(
        charts=charts,
        spans=SPANS,
        kept=KEPT,
        first_page=FIRST_PAGE,
        dropped=_drop_ticks,
        version=__version__,
        choices=choices,
        placed=describe_place,
        scoped=section_cells.name_scopes,
        icon=icon,
        entity_icon=entity_icon,
        entity_path=entity_path,
        entity_words=entity_words,
        style_address=style_address,
        static=static_address,
        state_words={state.value: word for state, word in formatting.STATES.items()},
        now=lambda: datetime.now(UTC),
    )
    _add_filters(made)
    made.bytecode_cache = TemplateBytecodeCache(made)
    return made


def _add_filters(made: Environment) -> None:
    """Add the filters of the templates."""
    made.filters.update(
        whole=formatting.format_integer,
        counted=formatting.count_text,
        caused=formatting.cause_text,
        coded=formatting.format_code,
        share=formatting.share,
        ago=time_elements.format_age,
        cell=time_elements.cell,
        shown=section_cells.cell_text,
        plainly=section_cells.cell_title,
        worded=plain_words,
        headed=section_cells.name_words,
        lasting=formatting.duration_text,
        spelled=formatting.spell_duration,
        ports=formatting.ports,
        short=formatting.short_name,
        brief=formatting.brief,
        kind=formatting.kind,
        moment=time_elements.moment,
        tactics=display_names.tactics,
        called=display_names.replace_ids,
        path=display_names.path,
        titled=known_names.name_in_title,
        finding=formatting.finding,
        unmet=formatting.unmet,
        conditions=describe,
        condition_words=humanize_conditions,
        cited_conditions=cite_conditions,
        reason=formatting.reason,
        type_name=name_type,
        suppression_state=formatting.suppression_state,
    )


def _drop_ticks(tick: str) -> dict[str, None]:
    """Return what the address of an action drops: what was ticked before, which the form itself sends."""
    return dict.fromkeys((tick, "done"))


def draw(template: str, **given: object) -> str:
    """A template filled; characters that would reorder or hide text are shown by their numbers."""
    return show_control_characters(environment().get_template(template).render(**given))


def show_navigation(
    areas: Callable[[], Sequence[tuple[str, Sequence[object]]]], entry_of: Callable[[str], str]
) -> None:
    """Give the templates the navigation: its parts, each with its pages, and the path of the entry that a page belongs to."""
    environment().globals.update(areas=areas, entry_of=entry_of)
