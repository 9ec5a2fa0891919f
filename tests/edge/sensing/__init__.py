"""Codecs and rules of the sensors, on the vectors of their makers and on arbitrary input."""
