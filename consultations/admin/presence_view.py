"""What the request's page asks every ten seconds: who else has it open?"""

from django.http import JsonResponse

from ..staff_work import presence


def presence_view(admin, request, row):
    if "gone" in request.POST:
        presence.gone(row, request.user)
        return JsonResponse({"others": []})
    return JsonResponse({"others": presence.here(row, request.user)})
