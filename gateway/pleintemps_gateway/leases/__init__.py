"""Several gateways on one PostgreSQL store: who rules which site, and who follows whom."""
