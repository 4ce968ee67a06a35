"""The command line: arguments become calls, results become text or JSON; the only print, the only exit codes."""
