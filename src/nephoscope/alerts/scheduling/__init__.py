"""When rules run: windows that are due, late rows, rounds, looking back, and how every rule stands."""
