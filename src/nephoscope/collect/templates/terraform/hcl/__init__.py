"""The language of Terraform's files, read as far as places need: blocks, attributes and where each is written."""
