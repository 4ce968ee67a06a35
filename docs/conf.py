"""Sphinx's settings for the site; scripts/site.py writes its sources."""

project = "xr-agent"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "xr-agent"
html_copy_source = False
html_show_sphinx = False
# Headings are targets as GitHub makes them.
myst_heading_anchors = 4
# Captured output is no language, and says nothing that could be wrong.
suppress_warnings = ["misc.highlighting_failure"]
