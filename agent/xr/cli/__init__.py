"""What IOS XR says and takes on its command line: the terminal, dialogs, and the parsers of its show commands."""
