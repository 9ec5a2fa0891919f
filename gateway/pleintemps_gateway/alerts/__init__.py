"""The life of an alert: opened once, acknowledged by a person, resolved by its rule."""
