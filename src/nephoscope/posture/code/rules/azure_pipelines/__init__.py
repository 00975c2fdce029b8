"""Rules for Azure Pipelines."""
