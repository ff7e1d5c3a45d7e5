"""The managed identity of the process: one credential for every part that takes one, made at first use."""

import threading
from typing import Any

from shared.errors import Unavailable

DATABASE_SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
"""What a token for Azure's MySQL is asked for."""


class Identity:
    """A managed identity; asks for nothing until somebody needs it. Safe to use from many threads."""

    def __init__(self, client_id: str | None = None) -> None:
        """`client_id` names a user-assigned identity; None is the system's own."""
        self._client_id = client_id
        self._lock = threading.Lock()
        self._credential: Any = None

    @property
    def credential(self) -> Any:
        """The SDKs' credential, one a process: it keeps its tokens and renews them in time."""
        with self._lock:
            if self._credential is None:
                from azure.identity import ManagedIdentityCredential

                self._credential = ManagedIdentityCredential(client_id=self._client_id)
            return self._credential

    def database_token(self) -> str:
        """What stands in for the password of MySQL. Raises Unavailable where no token is to be had."""
        from azure.core.exceptions import AzureError

        try:
            token: str = self.credential.get_token(DATABASE_SCOPE).token
            return token
        except (AzureError, ValueError) as error:  # ValueError: the endpoint answers something else than JSON
            raise Unavailable(f"No token of the managed identity: {error}") from error
