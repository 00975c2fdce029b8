"""The rules: each file has RULE and `check(subject)`, which gives the places where the rule does not hold."""
