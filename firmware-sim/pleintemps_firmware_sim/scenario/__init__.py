"""The simulated building: rooms, doors and people, what they do, and the ledger of what they did."""
