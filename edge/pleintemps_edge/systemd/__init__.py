"""The agent as a service: the unit file and the notifications that feed its watchdog."""
