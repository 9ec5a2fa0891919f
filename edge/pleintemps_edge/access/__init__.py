"""Who may come in: the dialogue at a keypad, the throttle of a door, the grants and the check of a code."""
