"""What `serve` is not begun with."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli


@pytest.mark.parametrize("address", ["garbage", "", "10.0.0.1/33", "10.0.0.1:80", "proxy.example"])
def test_a_proxy_has_an_address(tmp_path, address: str) -> None:
    told = CliRunner().invoke(cli, ["--data", str(tmp_path), "serve", "--behind", address])
    assert (told.exit_code, "must be the address" in told.output) == (2, True), told.output
    assert not list(tmp_path.iterdir())
