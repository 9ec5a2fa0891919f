"""Recorded rooms replayed through the rules, beside a plain baseline."""
