"""Messages by which a device says that it lost the licensing server, or reached it again, in texts of many forms."""
