"""Who may speak to the site's broker: its authority, the way in for agents, and the way out."""
