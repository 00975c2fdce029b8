"""Terraform plans as resources of Azure: tables say which attribute is which property."""
