"""Statements that Django's ORM does not write by itself."""
