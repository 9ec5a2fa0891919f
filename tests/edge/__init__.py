"""The agent: rules, drivers, journal, link."""
