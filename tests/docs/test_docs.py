"""The documentation moves with the code: these fail where a page is missing, stale or points nowhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest

from nephoscope.cli.main import cli
from nephoscope.cli.outputs import list_formats

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MARKDOWN = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])


def _generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", _generator().pages())
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == _generator().pages()[name](), "run make docs"


def _commands(group: click.Group, path: tuple[str, ...] = ()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in _commands(cli)], ids=" ".join)
def test_every_command_and_option_explains_itself(path: tuple[str, ...]) -> None:
    command = dict(_commands(cli))[path]
    assert command.help, f"{path} has no help"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path}: {parameter.opts} has no help"
    assert re.search(rf"^#+ {' '.join(path)}$", (DOCS / "reference/commands.md").read_text(), re.MULTILINE)


def test_every_setting_of_the_environment_is_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    settings = {name for text in sources for name in re.findall(r"\bNEPHOSCOPE_[A-Z_]+\b", text)}
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert settings
    assert not sorted(name for name in settings if name not in pages)


def test_every_output_format_has_its_heading() -> None:
    page = (DOCS / "reference/outputs.md").read_text()
    for name in list_formats():
        assert re.search(rf"^## {name}$", page, re.MULTILINE), f"docs/reference/outputs.md has no '## {name}'"


def _anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_benchmark_is_listed() -> None:
    told = (DOCS / "reference" / "benchmarks.md").read_text()
    files = {path.name for path in (DOCS.parent / "bench").glob("*.py")} - {"run_all.py"}
    assert {name for name in files if f"| `{name}" not in told} == set()


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target} leads nowhere"
        if anchor:
            assert anchor in _anchors(file.read_text()), f"{page.name}: {target} has no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "index.md").read_text()
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).as_posix()
        if name != "index.md" and not name.startswith("decisions/"):
            assert f"({name})" in index, f"docs/index.md does not link {name}"


#: Files that the reader of a recipe makes.
_MADE = re.compile(r"acme|NNNN")
_PLACES = ("", "src/nephoscope", "engines/kql/src", "engines/kql/src/nephoscope_kql", "engines/policy/src")


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/contributing/adding.md", "CONTRIBUTING.md"])
def test_the_places_that_pages_for_developers_name_are_there(page: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    named = [one for one in re.findall(r"`([\w.-]+(?:/[\w.-]+)+)`", text) if not _MADE.search(one)]
    assert named
    assert [one for one in named if not any((ROOT / place / one).exists() for place in _PLACES)] == []


def test_every_package_of_the_product_stands_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = {one.parent.name for one in (ROOT / "src/nephoscope").glob("*/__init__.py")}
    assert {one for one in rooms if not re.search(rf"\b{one}\b", text)} == set()


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md"]
    assert all(number.isdigit() for number in numbers)
    assert len(numbers) == len(set(numbers))
