"""People who log in: accounts, one-time links, the rules of passwords."""
