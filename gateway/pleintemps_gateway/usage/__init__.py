"""Usage minutes handed on, signed, to whoever accounts for them."""
