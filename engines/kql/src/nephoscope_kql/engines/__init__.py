"""The engines that run compiled queries."""
