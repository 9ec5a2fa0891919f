"""What holds for the house as a whole: packaging, the lock, the arrows, the commands."""
