"""What IOS XR exposes, one file per area: how it is asked for, and how the answer reads."""
