"""Putting a release live."""
