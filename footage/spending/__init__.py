"""What a store has spent: one ledger for all its runs, the caps over it, and the switch that stops all buying."""
