"""Alerts and the incidents that they make: how they are filed, decided of by people, and told to the lake."""
