"""Scanning what is inside: the packages, the operating system and the secrets of a host, a root on a disk, or an image."""
