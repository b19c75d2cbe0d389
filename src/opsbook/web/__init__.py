"""HTTP API, console and status page."""
