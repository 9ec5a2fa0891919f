"""From evidence to the believed state of a room."""
