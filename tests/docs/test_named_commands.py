"""Every command line that the documentation, a page or a message names is one that nephoscope has, with its options and arguments."""

from __future__ import annotations

import ast
import html
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from nephoscope.cli.main import cli

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/nephoscope"
#: Generated from the commands themselves, usage lines and all.
GENERATED = ROOT / "docs/reference/commands.md"
PAGES = sorted({*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"} - {GENERATED})
TEMPLATES = sorted(SOURCE.rglob("*.html"))
MODULES = sorted(SOURCE.rglob("*.py"))

GROUP = click.Context(cli, info_name="nephoscope", **cli.context_settings)
COMMANDS = cli.list_commands(GROUP)
NAMED = re.compile(
    rf"(?<![\w./-])nephoscope(?= (?:--(?:data|state) \S+ )*(?:{'|'.join(sorted(COMMANDS, key=len, reverse=True))})\b)[^`\n]*"
)
#: What a module has in which a text may name a command; the command may stand in the literal behind.
COMMAND = re.compile(r"""nephoscope['" \\\n]""")
QUOTED = re.compile(r"`(nephoscope [a-z-][^`\n]*)`")
FENCED = re.compile(r"^(nephoscope (?:-|[a-z]).*)$", re.MULTILINE)
#: Behind a prompt; the other lines of such a block are what is printed.
PROMPTED = re.compile(r"^\$ (nephoscope .*)$", re.MULTILINE)
INDENTED = re.compile(r"^ {4,}(nephoscope (?:-|[a-z]).*)$", re.MULTILINE)
#: What ends a command line, or what is left out of it.
END = re.compile(r"^(?:[|&;<>].*|\d?>.*|#.*|\.\.\.|…|-|=|[:(].*)$")
TEXT = re.compile(r"[.,:;)!?]+$")


def of_pages(path: Path) -> Iterator[str]:
    """The lines of blocks of code, and what stands between backquotes."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        lines = PROMPTED if re.search(r"^\$ ", block, re.MULTILINE) else FENCED
        yield from lines.findall(block.replace("\\\n", " "))
    yield from QUOTED.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def of_text(text: str) -> Iterator[str]:
    """What a sentence names: between backquotes, or up to where the sentence goes on."""
    yield from QUOTED.findall(text)
    yield from INDENTED.findall(text)
    for found in NAMED.findall(INDENTED.sub("", QUOTED.sub("", text))):
        yield re.split(r"[,;:)]|(?<=\S)\.(?:\s|$)", found)[0]


def of_modules(path: Path) -> Iterator[str]:
    """The texts of a module; what is put into one is the word VALUE."""
    text = path.read_text(encoding="utf-8")
    if not COMMAND.search(text):  # a tree takes 20 times as long
        return
    tree = ast.parse(text)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(one.value) if isinstance(one, ast.Constant) else "VALUE" for one in node.values)
            yield from of_text("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield from of_text(node.value)


def of_templates(path: Path) -> Iterator[str]:
    """What a page names, an element at a time."""
    text = re.sub(r"\{\{.*?\}\}", "VALUE", re.sub(r"\{%.*?%\}", "", path.read_text(encoding="utf-8")))
    for part in re.split(r"<[^>]*>", text):
        yield from of_text(html.unescape(part))


def words_of(line: str) -> list[str]:
    """The words up to where another command, a comment or something left out begins."""
    lexer = shlex.shlex(re.sub(r"[\[\]]", "", line), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in lexer:
        if END.match(word):
            break
        words.append(word)
    return words[1:]


def wrong(line: str) -> str:
    """Why a line is no command line, '' where it is one; a command alone is a mention, and needs none of its options."""
    try:
        words = words_of(line)
    except ValueError as error:
        return str(error)
    command, context = cli, GROUP
    while isinstance(command, click.Group):
        while words and words[0].startswith("-"):
            name = words.pop(0)
            option = next((one for one in command.params if name in one.opts), None)
            if option is None and name not in ("-h", "--help"):
                return f"no option {name}"
            if option is not None and not getattr(option, "is_flag", False) and words:
                words.pop(0)
        if not words or words[0] == "VALUE":
            return ""
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        context = click.Context(found, info_name=words.pop(0), parent=context)
        command = found
    return arguments_wrong(command, context, words) if words else ""


def arguments_wrong(command: click.Command, context: click.Context, words: list[str]) -> str:
    """Why a command cannot be given these words."""
    try:
        given, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    if left:
        return f"too many arguments: {left}"
    missing = [
        one.opts[0]
        for one in command.params
        if isinstance(one, click.Option) and one.required and one.name not in given
    ]
    return f"{missing} missing" if missing and not given.get("help") else ""


@pytest.mark.parametrize(
    ("files", "read", "least"),
    [(PAGES, of_pages, 200), (TEMPLATES, of_templates, 2), (MODULES, of_modules, 60)],
    ids=["pages", "templates", "messages"],
)
def test_what_is_named_is_a_command(files: list[Path], read, least: int) -> None:
    lines = [(path.relative_to(ROOT), line) for path in files for line in read(path)]
    assert len(lines) >= least
    faults = [f"{path}: {line}: {why}" for path, line in lines if (why := wrong(line))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("nephoscope access grant NAME ROLE SCOPE", "too many arguments"),
        ("nephoscope access grant NAME --scope /", "missing"),
        ("nephoscope access permit NAME", "no command"),
        ("nephoscope scan --frobnicate", "No such option"),
        ("nephoscope --folder x scan", "no option"),
        ("nephoscope access grant", ""),
        ("nephoscope --data /srv access grant ada --role 'Security Admin' --scope / | tee x", ""),
    ],
)
def test_what_is_no_command_line_is_found(line: str, fault: str) -> None:
    assert fault in wrong(line)
    assert bool(fault) == bool(wrong(line))


def test_no_text_installs_nephoscope_by_its_name() -> None:
    """It is on no package index: whatever has its name there is somebody else's."""
    named = re.compile(r"(?:pip|pipx|uv)[^\n`]*\binstall\s+(?:-\S+\s+)*['\"]?nephoscope\b|['\"`]nephoscope\[")
    texts = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *SOURCE.rglob("*.py"), *TEMPLATES]
    texts += [one for one in (ROOT / "packaging").rglob("*") if one.is_file()]
    found = [f"{one}: {hit}" for one in texts for hit in named.findall(one.read_text("utf-8", "replace"))]
    assert not found
    assert named.search("pip install 'nephoscope[kafka]'")
    assert named.search("pip install nephoscope")
    assert not named.search("/opt/nephoscope/bin/pip install '.[kafka]'")
