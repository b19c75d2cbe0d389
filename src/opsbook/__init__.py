"""Opsbook runs production the way the runbook says."""

__version__ = "0.1.0"
