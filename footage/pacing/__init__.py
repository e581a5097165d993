"""How often the provider is asked."""
