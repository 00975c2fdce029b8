"""Comments are told from texts that look like one, by the format of the file."""

from __future__ import annotations

import pytest

from nephoscope.posture.code.comments import find_comments

CASES = [
    ("a.json", '{ // y1\n"a": "// n", /* y2\n y3 */ "b": \'// n\' }', ["y1", "y2", "y3"]),
    ("a.yml", 'a: "\n# n\n', None),
    ("a.yaml", "a: '# n' # y1\n# y2\nb: |\n  # n\n  echo '# n'\nc: d#n # y3\n", ["y1", "y2", "y3"]),
    ("a.bicep", "var a = '${x('// n')} // n' // y1\nvar b = '''\n// n\n''' /* y2 */\n", ["y1", "y2"]),
    ("a.tf", 'a = "${f("// n")} # n" # y1\nb = <<-EOT\n # n\n EOT\nc = 1 // y2\n', ["y1", "y2"]),
    ("a.bicepparam", "var a = '${x({ b: '// n' })} // n' // y1\nvar b = '${c['d']} // n'\n", ["y1"]),
    ("a.tfvars", 'a = "${f({ b = "// n" })} # n" # y1\n', ["y1"]),
    ("a.hcl", "b = <<EOT\r\n # n\r\nEOT\r\nc = 1 # y1\r\n", ["y1\r"]),
    ("a.sh", 'echo "# n" # y1\ncat <<EOF\n# n\nEOF\n# y2\necho ${a#n} a#n\n', ["y1", "y2"]),
    ("script", '#!/bin/sh\necho "# n" # y1\n', ["!/bin/sh", "y1"]),
    ("Dockerfile", "# y1\nRUN echo # n\nRUN <<EOF\n# n\nEOF\nRUN a \\\n # y2\n b\n", ["y1", "y2"]),
    ("a.cs", 'x = "// n"; // y1\n', ["y1"]),
    (".env", "A=it's # y1\n", ["y1"]),
]


@pytest.mark.parametrize(("name", "text", "expected"), CASES, ids=[one[0] for one in CASES])
def test_comments_are_found_in_their_format(name: str, text: str, expected: list[str] | None) -> None:
    found = [one.text.strip("/*# ") for one in find_comments(name, text)]
    assert found == (expected or [])
