"""Where code runs: one adapter per platform, all with the same small protocol.

A platform keeps fleets of instances at the size it is told. It decides nothing:
which release runs, and who gets traffic, is decided above.
"""
