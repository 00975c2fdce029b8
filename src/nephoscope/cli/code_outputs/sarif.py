"""SARIF 2.1.0: results at their regions, for code scanning."""

from nephoscope.cli.outputs.sarif import render_code as render

READ_BY_HOST = True

__all__ = ["READ_BY_HOST", "render"]
