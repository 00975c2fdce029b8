"""What is compiled of a template is read back as long as nothing that it depends on changed, and compiled anew otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, pass_context

from nephoscope.web.rendering import templates
from nephoscope.web.rendering.template_bytecode import RuntimeCodeGenerator, TemplateBytecodeCache

SOURCE = '{{ "a"|marked }} and {{ value }}'


def drawing(folder: Path, **filters: Callable[..., str]) -> tuple[Environment, list[str]]:
    """An environment as a new process makes it, and the sources that it compiles."""
    compiled: list[str] = []

    class Noting(RuntimeCodeGenerator):
        def __init__(self, environment: Environment, name: str, *more: object, **options: object) -> None:
            compiled.append(name)
            super().__init__(environment, name, *more, **options)  # type: ignore[arg-type]

    made = Environment(loader=FileSystemLoader(folder), autoescape=True, optimized=False)
    made.code_generator_class = Noting
    made.filters.update({"marked": lambda text: f"<{text}>", **filters})
    made.bytecode_cache = TemplateBytecodeCache(made)
    return made, compiled


def draw(folder: Path, **filters: Callable[..., str]) -> tuple[str, bool]:
    """What a new process makes of the template, and whether it compiles it."""
    made, compiled = drawing(folder, **filters)
    return made.get_template("page.html").render(value="<b>"), compiled == ["page.html"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text(SOURCE)
    assert draw(tmp_path) == ("&lt;a&gt; and &lt;b&gt;", True)
    assert draw(tmp_path) == ("&lt;a&gt; and &lt;b&gt;", False)
    return tmp_path


def kept(folder: Path) -> Path:
    (found,) = (folder / "__pycache__").iterdir()
    return found


def test_a_changed_source_is_compiled(folder: Path) -> None:
    (folder / "page.html").write_text(f"{SOURCE}!")
    assert draw(folder) == ("&lt;a&gt; and &lt;b&gt;!", True)
    assert draw(folder) == ("&lt;a&gt; and &lt;b&gt;!", False)


def test_a_changed_filter_holds_without_compiling(folder: Path) -> None:
    assert draw(folder, marked=lambda text: f"[{text}]") == ("[a] and &lt;b&gt;", False)


def test_a_filter_that_is_called_otherwise_is_compiled(folder: Path) -> None:
    @pass_context
    def marked(context: object, text: str) -> str:
        return f"{type(context).__name__} {text}"

    assert draw(folder, marked=marked) == ("Context a and &lt;b&gt;", True)


@pytest.mark.parametrize("part", [0, 10, 64, 65, 90, -1])
def test_what_was_cut_off_is_compiled(folder: Path, part: int) -> None:
    file = kept(folder)
    whole = file.read_bytes()
    file.write_bytes(whole[:part])
    assert draw(folder) == ("&lt;a&gt; and &lt;b&gt;", True)
    assert kept(folder).read_bytes() == whole


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(SOURCE)
    (tmp_path / "__pycache__").write_text("a file")
    assert [draw(tmp_path) for _ in range(2)] == [("&lt;a&gt; and &lt;b&gt;", True)] * 2


def test_nothing_is_kept_where_python_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "page.html").write_text(SOURCE)
    assert [draw(tmp_path)[1] for _ in range(2)] == [True, True]
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_pages_are_kept_where_python_keeps_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    templates.build_environment.__wrapped__().get_template("error.html")
    assert [one.name for one in tmp_path.rglob("error.html.*")] == [
        f"error.html.{sys.implementation.cache_tag}.jinja"
    ]
