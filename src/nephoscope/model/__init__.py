"""The words of the field: frozen data classes that every package shares, with no I/O."""
