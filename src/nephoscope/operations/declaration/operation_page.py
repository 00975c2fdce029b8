"""Operation pages: the list of a section, a form of it, or a table about one of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

#: What an operation takes or gives, of which it alone knows the type.
Answer: TypeAlias = Any
Row: TypeAlias = Mapping[str, object]
#: The values that a field may have, with their words, as they are when a form is drawn; of an OperationCall.
Choices: TypeAlias = Callable[[Answer], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A column of a section's list; `optional` ones are left out on narrow screens."""

    name: str
    title: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class SectionList:
    """The operation whose rows are the list of a section of the settings.

    `area` is the heading under which the section stands, `noun` what a row is called, `about` says what the section is for. `key` is
    the column by which operations name a row, `name` the one that people read; `facets` are columns that filters are made of. Rows
    are those of the command unless `rows` gives them. `nothing` is said where there is no row, `plural`
    is that of the noun where it is not made by an s, `guide` the file of the guide about it. `given` is what
    the request says; `opens` is the path of a page about a row, `{}` its key, and what the page shows. `most` is how many rows the
    operation gives at most, so that a list of so many is said to be the newest alone (0 = it gives all). `order` is the place
    among the lists of its area, where they are tabs of one another, and `tab` the title of a tab that it shares with others ('' = it
    has one by its own title). `in_navigation` says that the navigation has an entry for it.
    `names` are those facets whose values are names; the others are values of enumerations, which are said in words. `scope` is the
    column with the resource by which a chosen scope narrows the list ('' = no scope does).
    """

    title: str
    area: str
    noun: str
    about: str
    key: str
    columns: tuple[PageColumn, ...]
    facets: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    name: str = ""
    rows: Callable[[Answer], list[Row]] | None = None
    nothing: str = ""
    guide: str = ""
    opens: tuple[str, str] = ("", "")
    given: Mapping[str, object] = field(default_factory=dict)
    plural: str = ""
    most: int = 0
    order: int = 0
    tab: str = ""
    in_navigation: bool = False
    scope: str = ""


class FirstRows(list[Row]):
    """The first rows of a table that may have more: `total` of them."""

    def __init__(self, rows: Iterable[Row], total: int) -> None:
        super().__init__(rows)
        self.total = total


@dataclass(frozen=True, slots=True)
class RowTable:
    """An operation whose rows are shown on the page of one row of a section, with the columns of its command.

    `choices` are the columns whose values are of an enumeration, which are said in words.
    """

    title: str
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class OperationForm:
    """A form or button: of a section where the operation is about no row, else of each row's page.

    `in_rows` puts the button into the list, too. `when` says of which rows it is offered, `choices` what open fields may have,
    `without` why a field of these may have nothing to choose and what changes that; `shows` makes the text that is shown this
    once, as of a secret; `made` gives the key of the row that was made, whose page comes next; `closes` says that the row is
    gone, `fills` that its fields begin as the row has them, or without one as the answer of the list. `like` proposes them from
    what the address names, or of the row, of an OperationCall.
    """

    label: str
    in_rows: bool = False
    when: Callable[[Row], bool] | None = None
    choices: Mapping[str, Choices] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    shows: Callable[[Answer], str] | None = None
    closes: bool = False
    made: Callable[[Answer], str] | None = None
    fills: bool = False
    like: Callable[[Answer, str], Row] | None = None
    danger: bool = False


OperationPage: TypeAlias = SectionList | RowTable | OperationForm
