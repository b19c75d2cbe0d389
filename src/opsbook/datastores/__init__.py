"""Where data lives: one adapter per product, and the embedded servers for development."""
