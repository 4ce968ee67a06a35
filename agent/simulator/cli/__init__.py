"""The CLI of a device: the terminal, exec and configuration mode, the dialog for certificates, what show prints."""
