"""What ``doctor`` of the agent and of the gateway share: findings, and what both look at on their machine.

A check is one row: a reader, which looks and brings a frozen record of facts, and a pure rule over that.
"""
