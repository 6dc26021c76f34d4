"""Measurements and the demo; each prints what it measured. Nothing here is a test."""
