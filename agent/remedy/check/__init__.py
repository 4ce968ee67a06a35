"""Whether a push would find a router ready: look sees what can be seen without a change, points judges it."""
