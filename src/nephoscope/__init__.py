"""nephoscope: a self-hosted, open Azure Security Center."""

__version__ = "0.1.0"
