"""Virtual time: the same agents, gateway and devices in one process on one clock."""
