"""What the admins of all pages share: drafts, versions, previews and times."""
