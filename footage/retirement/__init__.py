"""Models that stop: what the provider said of each when it was asked last, and what a person is told of it."""
