"""The real-time stage of scenarios: ordinary processes and the simulated building around them."""
