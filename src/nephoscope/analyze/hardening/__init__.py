"""Adaptive network hardening: what flow logs show of a machine, and the narrower security rules that follow."""
