"""Figures about how requests are answered, and who is told of them."""
