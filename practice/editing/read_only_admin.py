"""For records that the admin shows and nobody edits there, superusers included."""


class ReadOnlyAdmin:
    """Comes before ModelAdmin. Who may look is still asked of Django's view permission."""

    actions = None

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
