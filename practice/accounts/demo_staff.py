"""Accounts for trying the admin on one's own machine; never in production."""

DEMO_PASSWORD = "demo-practice-only"  # noqa: S105 (known to everyone, refused outside DEBUG)

# Sign-in name, given and family name, group.
DEMO_STAFF = (
    ("carla", "Carla", "Coordinator", "Coordinator"),
    ("colin", "Colin", "Coordinator", "Coordinator"),
    ("sam", "Sam", "DeVictor", "Surgeon"),
    ("maria", "Maria", "Manager", "Manager"),
    ("edda", "Edda", "Editor", "Editor"),
    ("audrey", "Audrey", "Auditor", "Auditor"),
    ("owner", "Olive", "Owner", None),
)
