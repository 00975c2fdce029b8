"""The agent of nephoscope: reports what happens on a host to the server; Python 3.9 or newer, standard library only."""

__version__ = "0.1.0"
