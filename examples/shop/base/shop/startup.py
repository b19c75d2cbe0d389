"""What a process makes sure of before it serves."""


def check() -> None:
    """Nothing yet beyond the settings."""
