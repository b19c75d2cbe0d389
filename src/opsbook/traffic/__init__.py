"""Who gets which request: one adapter per proxy, all with the same small protocol."""
