"""The running building on a terminal and on a page, and what a tester does to it."""
