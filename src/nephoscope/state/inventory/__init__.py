"""Inventories that are kept: what machines and images hold, and the vulnerabilities of it with their history."""
