"""Internet exposure: what the Internet reaches, from where, by which path and rule."""
