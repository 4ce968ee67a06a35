"""The nouns of the domain: frozen values, closed sets and the error tree; no I/O towards a device."""
