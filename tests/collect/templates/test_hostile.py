"""Readers read any text: none raises but UnreadableFileError, and every place is inside of the file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.collect.templates.discovery import (
    UnreadableFileError,
    find_reader,
    load_readers,
    read_template,
)
from nephoscope.collect.templates.docker.parser import parse_dockerfile
from nephoscope.collect.templates.shell.parser import parse_script
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.workflow.expression import ExpressionError, find_fences, parse_expression
from nephoscope.collect.templates.yaml_tree import parse_yaml
from nephoscope.posture.code.file_evaluation import assess_text
from nephoscope.posture.code.rule_match import CodeOptions

SHELL = st.lists(
    st.sampled_from(
        ["curl", "|", "sh", " ", "\n", "'", '"', "`", "$(", ")", "(", "{", "}", "${{ x }}", "<<EOF", "EOF", "\\", "\\\n", ";",
         "&&", "case",
         "in", "esac", "#", "=", "<", ">", "$", "é", "\r\n", "\t", "\u2028", "if", "fi", "*)", ";;"]
    ),
    max_size=30,
).map("".join)  # fmt: skip
DOCKER = st.lists(
    st.sampled_from(
        ["FROM ", "RUN ", "ONBUILD ", "COPY --from=a ", "ENV A=", "LABEL ", "USER ", "SHELL [", '"', "]", "\\\n", "`\n", "\n",
         "# escape=`\n",
         "<<E", "\nE\n", "apt-get install ", "$X", " ", "--mount=type=cache,target=/x ", "AS b", "\r\n", "é", "'", "[]",
         "EXPOSE 99999999 ", "\t"]
    ),
    max_size=30,
).map("".join)  # fmt: skip
YAML = st.lists(
    st.sampled_from(
        ["apiVersion: v1\nkind: Pod\n", "spec:\n  containers:\n", "  - securityContext: ", "on: ", "jobs:\n", "  a:\n", "    steps:\n",
         "    - run: ",
         "    - uses: ", "${{ ", " }}", "github.event", "|\n",
         "&a ", "*a", "[", "]",
         "{", "}", ": ", "\n", "- ", "'", '"', "permissions: ", "é", "\t", "<<: ", "    runs-on: ", "    if: ", "      ", "!!binary "]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(SHELL | st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_scripts_are_read_whatever_they_hold(text: str) -> None:
    for command in parse_script(text):
        for word in command.words:
            assert 0 <= word.span.start <= word.span.end <= len(text)


@given(DOCKER | st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_dockerfiles_are_read_whatever_they_hold(text: str) -> None:
    file = parse_dockerfile(SourceText("Dockerfile", text))
    for instruction in file.instructions:
        assert 0 <= instruction.span.start <= instruction.span.end <= len(text)
    _judge("Dockerfile", text)


@given(
    YAML | st.text(max_size=60),
    st.sampled_from(
        [".github/workflows/a.yml", "action.yml", "azure-pipelines.yml", ".gitlab-ci.yml", "pod.yaml"]
    ),
)
@settings(max_examples=100, deadline=None)
def test_pipelines_are_judged_or_refused_with_a_place(text: str, name: str) -> None:
    _judge(name, text)


@given(
    st.lists(
        st.sampled_from(
            [
                "github",
                ".",
                "event",
                "[",
                "]",
                "'a'",
                "(",
                ")",
                "!",
                "&&",
                "||",
                "==",
                "*",
                ",",
                "1",
                " ",
                "é",
            ]
        ),
        max_size=15,
    )
)
@settings(max_examples=150, deadline=None)
def test_expressions_are_parsed_or_refused(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        tree = parse_expression(text, 5)
    except ExpressionError:
        return
    for node in tree.walk():
        assert 5 <= node.span.start <= node.span.end <= 5 + len(text)


def _judge(name: str, text: str) -> None:
    try:
        found = assess_text(name, text, CodeOptions(optional=True)) or []
    except UnreadableFileError as error:
        if error.line < 1:
            raise
        return
    count = text.count("\n") + text.count("\r") + 1
    for finding in found:
        assert 1 <= finding.region.line <= finding.region.last_line <= count
        assert finding.region.column >= 1


def test_aliases_that_grow_without_end_are_bounded() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)
    )
    (root,) = parse_yaml(SourceText("a.yml", bomb))
    assert len(list(root.list_scalars())) == 2


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: [" * 200, "\0", "a: 'b", "{{{{", "[" * 3000])
def test_broken_documents_are_refused_with_a_place(text: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse_yaml(SourceText("a.yml", text))
    assert caught.value.line >= 1


def test_deep_expressions_are_refused() -> None:
    for text in ("(" * 500 + "a" + ")" * 500, "!" * 500 + "a"):
        with pytest.raises(ExpressionError):
            parse_expression(text)


def test_deep_substitutions_end() -> None:
    assert parse_script("$(" * 2000) is not None
    assert parse_script("sh -c '" * 500) is not None


def test_a_fence_ends_outside_of_strings() -> None:
    ((span, inner, at),) = find_fences("x ${{ format('}}', a) }} y")
    assert (span.start, inner, at) == (2, " format('}}', a) ", 5)


def test_readers_are_found_and_the_most_specific_wins() -> None:
    assert {"dockerfile", "github_workflow", "azure_pipelines", "gitlab_ci", "shell_script"} <= {
        one.name for one in load_readers()
    }
    found = {
        "Dockerfile.dev": "dockerfile", "a/b.Dockerfile": "dockerfile", "Containerfile": "dockerfile",
        ".github/workflows/x.yaml": "github_workflow",
        "azure-pipelines.yml": "azure_pipelines", ".gitlab-ci.yml": "gitlab_ci", "x.sh": "shell_script",
        ".github/dependabot.yml": "dependabot",
        "Dockerfile.md": None, "README.md": None, "docker-compose.yml": None,
    }  # fmt: skip
    for name, want in found.items():
        reader = find_reader(name, "x")
        assert (reader.name if reader else None) == want, name


def test_a_chart_that_is_not_rendered_says_so() -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n{{ if }}\n"
    with pytest.raises(UnreadableFileError, match="helm template"):
        read_template("chart/templates/pod.yaml", text)


def test_pods_of_workloads_and_lists_are_found() -> None:
    pod = "{template: {metadata: {name: p}, spec: {containers: [{name: c}]}}}"
    text = f"apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: apps/v1, kind: Deployment, spec: {pod}}}\n"
    text += "- {apiVersion: v1, kind: Secret}\n---\n"
    text += f"apiVersion: batch/v1\nkind: CronJob\nspec: {{jobTemplate: {{spec: {pod}}}}}\n"
    read = read_template("all.yaml", text)
    assert read is not None
    assert [(one.kind, one.pod is not None) for one in read[1].objects] == [
        ("Deployment", True), ("Secret", False), ("CronJob", True),
    ]  # fmt: skip


def test_files_that_are_too_large_are_refused() -> None:
    with pytest.raises(UnreadableFileError, match="more than 500000"):
        read_template("Dockerfile", "RUN a\n" * 100_000)
