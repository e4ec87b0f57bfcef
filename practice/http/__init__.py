"""What surrounds every request and answer, whoever makes it."""
