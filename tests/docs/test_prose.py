"""The check of prose finds what it should, leaves plain English alone, and holds the project to its budgets."""

from __future__ import annotations

from pathlib import Path

import prose
import pytest
from prose_rules import findings, phrases
from prose_texts import Text, content_texts, markdown_texts, python_texts, template_texts

MODULE = '''"""What a module is."""
class OddError(Exception):
    """An error that is odd."""
@group.command("list")
@click.option("--most", help="At most "
    "this many.")
def list_():
    """Only those that are open."""
    raise OddError(f"{name} is no scope")
def _hidden():
    """Whether it is hidden."""
'''
TEMPLATE = """<h1>Alerts</h1>{# What is told #}
<input placeholder="Whom to ask" value="{{ x }}"><script>var what = 'is told';</script>
{{ button("Assign to me") }}<p>With {{ count }} that are ticked
<a href="{{ url }}">Go on</a></p>
"""
PAGE = """# Head

One sentence
over [two lines](x.md).

```
what is told
```
- item
"""


def _written(tmp_path: Path, text: str, read) -> list[tuple[str, int, str]]:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    return [(one.kind, one.line, one.text) for one in read(path, "file")]


def test_a_modules_texts_are_found_with_their_lines(tmp_path: Path) -> None:
    assert sorted(_written(tmp_path, MODULE, python_texts)) == [
        ("docstrings", 1, "What a module is."),
        ("docstrings", 3, "An error that is odd."),
        ("errors", 9, "… is no scope"),
        ("help", 5, "At most this many."),
        ("help", 8, "Only those that are open."),
    ]


def test_a_templates_texts_are_found_without_code(tmp_path: Path) -> None:
    assert sorted(_written(tmp_path, TEMPLATE, template_texts)) == [
        ("pages", 1, "Alerts"),
        ("pages", 2, "Whom to ask"),
        ("pages", 3, "Assign to me"),
        ("pages", 3, "With … that are ticked"),
        ("pages", 4, "Go on"),
    ]


def test_a_pages_paragraphs_are_found_without_code_and_targets(tmp_path: Path) -> None:
    assert _written(tmp_path, PAGE, markdown_texts) == [
        ("docs", 1, "Head"),
        ("docs", 3, "One sentence over two lines."),
        ("docs", 9, "item"),
    ]


def test_titles_and_descriptions_of_content_are_found(tmp_path: Path) -> None:
    text = "title: SSH brute force\ndescription: Many failures.\nquery: |\n  name: Syslog\n"
    assert _written(tmp_path, text, content_texts) == [
        ("titles", 1, "SSH brute force"),
        ("descriptions", 2, "Many failures."),
    ]


WRONG = [
    ("help", "Only those of an incident."),
    ("help", "What it is for."),
    ("errors", "… is no scope"),
    ("errors", "… is none of gt, lt"),
    ("errors", "a claim and a value are wanted"),
    ("pages", "With … that are ticked"),
    ("pages", "What was like it"),
    ("docs", "An alert is told to anyone."),
    ("docs", " ".join(["word"] * 33) + "."),
    ("titles", "A vault was reached by a program"),
    ("descriptions", "Ask who it was, and let nobody in."),
    ("docstrings", "Whether it is open."),
    ("docstrings", "The same for groups."),
]
RIGHT = [
    ("help", "List alerts, newest first."),
    ("errors", "…: must be one of gt, lt (got …)"),
    ("pages", "Selected items"),
    ("docs", "An alert is visible to users who can access one of its scopes."),
    ("docs", "| " + " ".join(["cell"] * 40) + " |"),
    ("titles", "SSH brute force followed by success"),
    ("descriptions", "Rotate the key, then disable local authentication."),
    ("docstrings", "Return the open alerts, whatever they are told."),
]


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_odd_prose_is_found(kind: str, text: str) -> None:
    assert list(findings(Text(kind, "rules/x.yaml", 1, text)))


@pytest.mark.parametrize(("kind", "text"), RIGHT)
def test_plain_prose_is_left_alone(kind: str, text: str) -> None:
    assert list(findings(Text(kind, "rules/x.yaml", 1, text))) == []


def test_every_phrase_has_what_to_write() -> None:
    assert all(advice for kind in ("help", "docs") for _, advice in phrases(kind))


def test_a_budget_only_falls() -> None:
    assert prose.lowered({"help": 3, "docs": 9}, {"help": 5, "docs": 7, "pages": 1}) == {
        "help": 3,
        "docs": 7,
        "pages": 0,
    }
    assert prose.over_budget({"help": 3, "docs": 9, "titles": 1}, {"help": 3, "docs": 7}) == {
        "docs": 2,
        "titles": 1,
    }


@pytest.mark.full  # `make check` runs the same
def test_the_project_is_within_its_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert prose.main([]) == 0, capsys.readouterr().out
