"""Conformance: every device and every fault against a tester's own agent configuration, in virtual time."""
