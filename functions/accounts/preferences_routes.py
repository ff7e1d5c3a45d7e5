"""HTTP of preferences: parse, one service call, answer."""

from fastapi import APIRouter

from functions.accounts import preferences
from functions.accounts.preferences_schemas import Preferences, PreferencesUpdate
from shared.web.call import SignedIn

router = APIRouter(prefix="/accounts", tags=["accounts"])


@router.get("/me/preferences", response_model=Preferences)
def get_preferences(call: SignedIn) -> Preferences:
    """What you would have us remember: your language, your usual vehicle, what matters to you, your places."""
    return call.read(lambda tx: preferences.get(tx=tx))


@router.patch("/me/preferences", response_model=Preferences)
def update_preferences(changes: PreferencesUpdate, call: SignedIn) -> Preferences:
    """Changes what is given; null takes it back."""
    return call.write(lambda tx: preferences.update(tx=tx, changes=changes))
