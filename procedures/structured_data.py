"""A procedure page as schema.org JSON-LD. See practice/structured_data.py."""

from practice.structured_data import address, breadcrumb, faq_page, graph
from practice.templatetags.text import plain


def of_procedure(procedure, faqs):
    path = procedure.get_absolute_url()
    page = {
        "@type": "MedicalWebPage",
        "@id": address(path),
        "name": procedure.name,
        "description": procedure.summary,
        "dateModified": procedure.content_changed_at.date().isoformat(),
        "about": {"@id": address(f"{path}#procedure")},
    }
    if procedure.is_reviewed:
        page["lastReviewed"] = procedure.last_reviewed.isoformat()
        page["reviewedBy"] = {"@type": "Person", "name": procedure.reviewed_by}
    return graph(
        page,
        _procedure(procedure, path),
        faq_page(path, faqs),
        breadcrumb(("Home", "/"), ("Procedures", "/procedures/"), (procedure.name, path)),
    )


def _procedure(procedure, path):
    node = {
        "@type": "SurgicalProcedure",
        "@id": address(f"{path}#procedure"),
        "name": procedure.name,
        "alternateName": procedure.other_names,
        "description": plain(procedure.what_it_is),
        "preparation": plain(procedure.preparation),
        "followup": plain(procedure.recovery),
    }
    return {name: value for name, value in node.items() if value}
