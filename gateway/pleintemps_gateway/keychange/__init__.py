"""The change of the key that signs, as its owner does it."""
