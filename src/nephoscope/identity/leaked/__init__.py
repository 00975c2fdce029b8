"""Leaked credentials: sorted hash lists in a memory-mapped index, and keyed hashes of accounts with their passwords."""
