"""What search engines read (schema.org JSON-LD), built from the objects that a page shows.

Every value stands in the visible text of its page as well; nothing is said to machines alone.
"""

from django.conf import settings

from .templatetags.text import plain

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def graph(*nodes):
    """One JSON-LD document of the nodes that are there."""
    return {"@context": "https://schema.org", "@graph": [node for node in nodes if node]}


def address(path):
    return f"{settings.SITE_URL}{path}"


def breadcrumb(*steps):
    """`steps` are (name, path) from the home page to the present page."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": name, "item": address(path)}
            for position, (name, path) in enumerate(steps, 1)
        ],
    }


def clinic(practice, location=None, hours=()):
    """The practice as a MedicalClinic; with a location also its address and opening hours."""
    node = {
        "@type": "MedicalClinic",
        "@id": address("/#practice"),
        "name": practice.name,
        "url": address("/"),
        "description": practice.summary,
        "telephone": str(practice.phone),
        "medicalSpecialty": "https://schema.org/PlasticSurgery",
    }
    if location:
        node["@id"] = address(f"{location.get_absolute_url()}#clinic")
        node["url"] = address(location.get_absolute_url())
        node["description"] = location.summary
        node["parentOrganization"] = {"@id": address("/#practice")}
        node["telephone"] = str(location.phone or practice.phone)
        node["address"] = _without_empty(
            {
                "@type": "PostalAddress",
                "streetAddress": location.street,
                "addressLocality": location.city,
                "addressRegion": location.region,
                "postalCode": location.postal_code,
                "addressCountry": location.country,
            }
        )
        node["openingHoursSpecification"] = [
            {
                "@type": "OpeningHoursSpecification",
                "dayOfWeek": f"https://schema.org/{DAYS[each.weekday]}",
                "opens": f"{each.opens:%H:%M}",
                "closes": f"{each.closes:%H:%M}",
            }
            for each in hours
        ]
    return _without_empty(node)


def physician(surgeon, performed=()):
    """A surgeon as an IndividualPhysician."""
    return _without_empty(
        {
            "@type": "IndividualPhysician",
            "@id": address(f"{surgeon.get_absolute_url()}#surgeon"),
            "name": surgeon.full_name,
            "url": address(surgeon.get_absolute_url()),
            "description": surgeon.summary,
            "knowsLanguage": [name.strip() for name in surgeon.languages.split(",") if name],
            "availableService": [
                {
                    "@type": "MedicalProcedure",
                    "name": procedure.name,
                    "url": address(procedure.get_absolute_url()),
                }
                for procedure in performed
            ],
        }
    )


def faq_page(path, faqs):
    """The questions of a page with their answers, as shown."""
    if not faqs:
        return None
    return {
        "@type": "FAQPage",
        "@id": address(f"{path}#faqs"),
        "mainEntity": [
            {
                "@type": "Question",
                "name": faq.question,
                "acceptedAnswer": {"@type": "Answer", "text": plain(faq.answer)},
            }
            for faq in faqs
        ],
    }


def _without_empty(node):
    return {name: value for name, value in node.items() if value}
