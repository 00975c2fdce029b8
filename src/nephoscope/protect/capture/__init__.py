"""Packet captures: read, dissect and summarise them."""
