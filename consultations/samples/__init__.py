"""Invented requests, a few or a million."""
