"""SQL of the engines: how a bound query is written in each."""
