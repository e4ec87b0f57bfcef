"""Who may do what. The migration 0002_roles makes these groups; docs/roles.md shows them.

Each role maps to permissions as (app, model, actions); an action that Django does not know
is a permission of its own, such as `triage_request`.
"""

LOOK = ("view",)
EDIT = ("view", "add", "change", "delete")

CONTENT = (
    ("practice", "practice", ("view", "change")),
    ("practice", "location", EDIT),
    ("practice", "openinghours", EDIT),
    ("practice", "closure", EDIT),
    ("practice", "surgeon", EDIT),
    ("procedures", "category", EDIT),
    ("procedures", "procedure", EDIT),
    ("procedures", "performance", EDIT),
    ("procedures", "faq", EDIT),
    ("procedures", "recoverymilestone", EDIT),
    ("procedures", "source", EDIT),
    ("procedures", "diagrampart", EDIT),
    ("procedures", "beforeaftercase", EDIT),
)
OWN_REQUESTS = (("consultations", "consultationrequest", ("view", "add", "triage_request")),)
EVERY_REQUEST = (
    *OWN_REQUESTS,
    ("consultations", "consultationrequest", ("view_every_request",)),
    ("consultations", "replytemplate", LOOK),
)
AUDIT = (
    ("auditlog", "logentry", LOOK),
    ("consultations", "erasurereceipt", LOOK),
)

ROLES = {
    "Editor": CONTENT,
    "Coordinator": EVERY_REQUEST,
    "Surgeon": OWN_REQUESTS,
    "Manager": (
        *CONTENT,
        *EVERY_REQUEST,
        (
            "consultations",
            "consultationrequest",
            ("export_request", "view_report", "erase_request"),
        ),
        ("consultations", "replytemplate", EDIT),
        ("post_office", "email", ("view", "change")),
        ("practice", "jobrun", ("view", "change")),
        ("practice", "user", ("remove_second_factor",)),
        *AUDIT,
    ),
    "Auditor": AUDIT,
}

STOCK_ACTIONS = ("view", "add", "change", "delete")


def codename(action, model):
    return f"{action}_{model}" if action in STOCK_ACTIONS else action


def permissions(role):
    """The role's permissions as a set of (app label, codename)."""
    return {
        (app, codename(action, model)) for app, model, actions in ROLES[role] for action in actions
    }
