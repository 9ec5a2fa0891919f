"""What the agent keeps: events that must not be lost, access state beside them, and samples in a file of
their own.
"""
