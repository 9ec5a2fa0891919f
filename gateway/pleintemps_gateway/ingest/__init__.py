"""MQTT in: decode, deduplicate, store, let the rules judge, and only then acknowledge."""
