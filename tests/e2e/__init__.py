"""The whole house with real processes: broker, gateway, agents, simulated building, browser."""
