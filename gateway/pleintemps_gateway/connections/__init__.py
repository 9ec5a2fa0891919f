"""What other people's tools are given: calendars by secret address, webhooks."""
