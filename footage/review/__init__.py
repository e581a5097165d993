"""The review app: a board's takes and the clips of a store in a browser, with buttons.

    one-time address ─► cookie ─► Host, Origin, content type ─► page, media by key
                                                              ─► verdict ─► a new cut
                                                              ─► quote ─► purchase with that quote, by a command

It listens on loopback, or behind a proxy that knows who may come; it has no users of its own. Nothing is bought that
was not quoted, nothing above the board's `approve_above`, and nothing by the page: the app starts the command.
"""
