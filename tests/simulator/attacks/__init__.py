"""Attacks on identities, each a function that scripts the steps of a published report, which its docstring names."""
