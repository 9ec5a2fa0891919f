"""Boards: pin maps and what fits on them."""
