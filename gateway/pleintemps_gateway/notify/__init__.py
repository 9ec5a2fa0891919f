"""Telling caretakers: who is on duty, what they are sent and how, what became of it."""
