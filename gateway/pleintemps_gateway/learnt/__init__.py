"""What rooms have taught, for people."""
