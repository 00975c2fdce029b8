"""Rules for the settings of Dependabot."""
