"""The patient's private page, the link that opens it, and what can be done there."""
