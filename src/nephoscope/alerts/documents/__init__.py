"""Documents of rules: fields that are read with their places, and durations."""
