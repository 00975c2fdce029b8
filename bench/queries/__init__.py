"""What bench/kql_speed.py is made of: the tables, the pairs of query and hand-written SQL, the race and the peer."""
