"""Markdown that runs: read, understood, checked, planned."""
