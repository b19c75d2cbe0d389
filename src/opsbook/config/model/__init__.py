"""What an ops file may say: one frozen pydantic model per section.

The docstring below each field is its entry in the configuration reference, so it is
written for users. Nothing here reads a file or the environment.
"""
