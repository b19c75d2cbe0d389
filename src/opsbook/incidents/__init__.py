"""When it goes wrong."""
