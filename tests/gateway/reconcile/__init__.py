"""Usage records: worked out from what is stored, corrected, exported."""
