"""What is held about people: found, handed out, erased everywhere, and forgotten in time."""
