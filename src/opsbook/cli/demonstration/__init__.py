"""The demo: a real shop under load, good and bad versions, told as a story."""
