"""How the gateway is, for whoever keeps it going: ``status`` in a few lines, ``doctor`` on one page."""
