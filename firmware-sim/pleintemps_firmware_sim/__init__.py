"""Byte-exact device firmware and a simulated building for the ordinary agents."""
