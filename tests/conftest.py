"""What holds for all tests."""

from hypothesis import settings

# A busy machine is no failure: examples have no deadline, tests have pytest's own.
settings.register_profile("opsbook", deadline=None)
settings.load_profile("opsbook")
