"""`wan-video mcp`: what the command line does, as tools for agents that speak the Model Context Protocol.

    client ─► protocol_server ─► tool (validated input) ─► footage ─► report (validated output)
                                   └ a purchase: price_question ─► a person ─► clip_process

The clip's key is the handle of everything; the store is the only memory. Nothing here is imported unless the command is
given, and the SDK of the protocol comes with the extra `mcp`.
"""
