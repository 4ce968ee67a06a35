"""The standard streams: nobody reads or types, not every character can be written, a machine reads."""
