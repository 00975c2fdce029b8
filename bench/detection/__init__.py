"""What detect_speed measures on: rows of a day or a fortnight, a thousand rules, and the same rules one by one."""
