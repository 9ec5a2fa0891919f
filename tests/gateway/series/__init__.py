"""The copy of all series: lines, outbox, writer."""
