"""JUnit XML: a suite a rule, for CI servers."""

from nephoscope.cli.outputs.junit import render_code as render

__all__ = ["render"]
