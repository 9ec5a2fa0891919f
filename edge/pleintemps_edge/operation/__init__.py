"""How the agent and its machine are, for whoever stands before it: ``pleintemps-edge doctor``."""
