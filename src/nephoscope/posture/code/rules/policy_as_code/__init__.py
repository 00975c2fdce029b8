"""Rules for policy definitions and exemptions that a repository holds."""
