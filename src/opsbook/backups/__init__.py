"""Getting data back."""
