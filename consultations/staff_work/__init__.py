"""What staff do with a request besides triage: corrections, letters, links."""
