"""Other programs at the site's broker."""
