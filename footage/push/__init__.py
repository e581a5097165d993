"""Told instead of asking: the provider's completion events, verified, become wake-ups of the clips that wait."""
