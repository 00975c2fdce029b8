"""Rules for Dockerfiles; ids are those of hadolint where the rule means the same."""
