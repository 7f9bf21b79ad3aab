"""The link between local environments and their Redis: a process that lets bytes through as a network would."""
