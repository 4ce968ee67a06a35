"""When a router may be begun: time zones, change windows, what a router takes; pure, time is an argument."""
