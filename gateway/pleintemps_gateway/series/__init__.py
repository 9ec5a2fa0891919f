"""All series as a copy in an InfluxDB: rows to line protocol, a durable outbox, a writer that catches up."""
