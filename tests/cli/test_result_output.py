"""A recommendation is shown by part of its title: one in full, several as a list."""

from __future__ import annotations

import logging

from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.connect import credentials


def test_several_that_fit_are_a_list(tmp_path):
    found = CliRunner().invoke(
        cli, ["--data", str(tmp_path), "recommendations", "sample:", "--show", "key vaults"]
    )
    assert found.exit_code == 0, found.output
    first, _, _, *rows = found.stdout.splitlines()
    count = int(first.split()[0])
    assert count > 1
    assert len([row for row in rows if "key vault" in row.lower()]) == count


def test_what_the_sign_in_library_warns_of_is_not_printed_beside_the_error():
    assert credentials.SignInError
    assert any(isinstance(one, logging.NullHandler) for one in logging.getLogger("azure").handlers)
