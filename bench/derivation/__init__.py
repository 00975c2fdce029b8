"""Resources made from a rule: bodies for which it asks for its effect, and bodies for which it does not."""
