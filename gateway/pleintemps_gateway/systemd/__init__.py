"""Unit files: the gateway, and the site's own broker beside it."""
