"""The agent's self test at the bench: simulated devices, simulated hands, and a device broken on purpose."""
