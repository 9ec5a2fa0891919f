"""GPIO pins over a local socket: ``board`` is the simulator's end, ``factory`` (for gpiozero) the agent's."""
