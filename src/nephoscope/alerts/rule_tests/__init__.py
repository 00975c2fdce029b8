"""The tests that stand beside a rule: rows in, alerts out."""
