"""What a device is before it is served, by release and platform: its modules, its settings, its kind of server.

Values that never change while a simulation runs, and the mixes of them that make a fleet; nothing here knows of a
connection or of what was configured.
"""
