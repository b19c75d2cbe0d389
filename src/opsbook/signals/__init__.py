"""What we can read. Nothing in this room changes anything."""
