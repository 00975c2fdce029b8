"""Azure's own surfaces: resources, subscriptions, providers, Resource Graph, roles and the activity log."""
