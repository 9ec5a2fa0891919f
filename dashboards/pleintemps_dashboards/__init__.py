"""Grafana dashboards as package data."""
