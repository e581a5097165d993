"""Batches: many requests of one run, from JSON lines or a list, each a clip of its own; no film and no order.

lines ─► checked and priced ─► what is still to buy ─► clips, a bounded number at once ─► report

All lines are checked before the first clip is bought. What was checked waits on disk, so that a batch of thousands
takes little memory.
"""
