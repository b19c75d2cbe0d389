"""One file per noun; a view takes a call and returns plain data."""
