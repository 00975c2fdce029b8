"""Running a rule over one window: its query, the alerts that its rows become, and those that were raised before."""
