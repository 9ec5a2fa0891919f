"""What must not harm a door: killed processes, power cuts, full disks, clocks that jump."""
