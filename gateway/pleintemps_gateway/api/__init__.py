"""REST, server-sent events and who may use them."""
