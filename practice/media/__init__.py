"""Pictures and drawings: how an upload becomes one, and where its files lie."""
