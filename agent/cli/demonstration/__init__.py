"""The demo: simulated routers, and what is played on them."""
