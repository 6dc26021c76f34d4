"""What the deployment or who runs it gets wrong. The tree stands in the package's docstring."""

from datetime import datetime

from shared_code.clock import rfc3339
from shared_code.errors import Conflict, NotConfigured, NotFound


class NoSuchAccount(NotFound):
    """No account has this address."""

    def __init__(self, email: str) -> None:
        super().__init__(f"no account has the address {email}")


class KeysChanged(Conflict):
    """Somebody else changed the signing keys at the same time; no route raises it."""

    def __init__(self) -> None:
        super().__init__(
            "the signing keys were changed at the same time; see, and repeat if need be"
        )


class RotationTooSoon(Conflict):
    """A rotation now would drop a key whose tokens are still good; no route raises it."""

    def __init__(self, kid: str, ready_at: datetime) -> None:
        super().__init__(
            f"{kid} signs now, and the next rotation is possible from {rfc3339(ready_at)} on: "
            "before, it would refuse tokens that are still good (--force, if a key has leaked)"
        )


class SecretTooShort(NotConfigured):
    """The key encryption secret would protect nothing."""

    def __str__(self) -> str:
        return f"The app setting {self.setting} is too short to protect the keys"


class ForeignSecret(NotConfigured):
    """What is stored was sealed with another secret."""

    def __str__(self) -> str:
        return f"The app setting {self.setting} is not the secret that sealed what is stored"


class NoSigningKeys(NotConfigured):
    """The provision command has not run."""

    def __str__(self) -> str:
        return f"{self.setting} holds no signing keys: run python -m functions.provision"
