"""The configuration of one device: claimed under its locks, changed, committed on trial, and rolled back."""
