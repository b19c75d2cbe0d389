"""Strict load: clients that never retry and count everything that goes wrong."""
