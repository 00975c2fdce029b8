"""Mechanisms that rules of the baseline are rows over: a configuration format or a system database a file."""
