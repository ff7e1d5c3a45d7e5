"""Every route of the application that needs no object's id, by who sees it."""

STRANGERS = ("/", "/stations", "/sign-in", "/register", "/forgot", "/nowhere")
DRIVERS = (
    "/",
    "/stations",
    "/bookings",
    "/waitlist",
    "/inbox",
    "/me",
    "/me/vehicles",
    "/me/preferences",
    "/me/standing",
    "/me/security",
    "/me/data",
)
OWNERS = ("/host", "/host?day=1", "/host?place=all", "/host/places", "/host/bookings", "/host/reports")
OWNERS_OF_A_PLACE = ("chargers", "prices", "terms", "photos", "people")
"""Below /host/places/{id}."""
ADMINISTRATORS = (
    "/admin",
    "/admin/people",
    "/admin/people?role=owner",
    "/admin/health",
    "/admin/figures",
    "/admin/audit",
    "/me/security",
)
LANGUAGES = ("en-GB", "de-DE", "ta-IN", "hi-IN")
