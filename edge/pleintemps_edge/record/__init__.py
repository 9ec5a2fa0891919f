"""Recording what a real agent touches: wrappers around its rims, one file, no secrets."""
