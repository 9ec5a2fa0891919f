"""The contract: golden files, envelopes, identifiers, World."""
