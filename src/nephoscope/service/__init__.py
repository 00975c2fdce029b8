"""The product's verbs: a call checks the permission, validates, changes and audits in one transaction; an entity a module."""
