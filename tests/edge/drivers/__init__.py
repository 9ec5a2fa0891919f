"""Drivers on pins of gpiozero's mock factory and on pseudo-terminals."""
