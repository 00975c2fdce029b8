"""The parts of `bench/policy_speed.py`."""
