"""How a release takes over: pure planners that move fleet sizes and traffic shares only."""
