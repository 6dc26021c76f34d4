"""A proof that a person asks, where the operator wants one: Turnstile, hCaptcha or reCAPTCHA v2.

The three share one protocol, siteverify: the browser solves something and gets a token, which comes in the
header X-Captcha-Token; the verifier tells whether it is good. Settings AUTH_CAPTCHA_URL (such as
`https://challenges.cloudflare.com/turnstile/v0/siteverify`) and AUTH_CAPTCHA_SECRET. Invariants: without the
first setting nothing is asked; with it nothing passes unverified: a verifier that is away closes the
routes with a 503 (ASVS 16.5.3: no failing open), since who floods us could keep it busy as well.
"""

import json
import logging
from typing import Any

from functions.auth.errors import CaptchaRequired, CaptchaUnavailable
from shared_code.endpoint import Client
from shared_code.errors import InvalidSetting
from shared_code.outgoing import NoAnswer, ask
from shared_code.settings import optional_setting, setting

URL = "AUTH_CAPTCHA_URL"
SECRET = "AUTH_CAPTCHA_SECRET"  # noqa: S105 - the setting's name
HEADER = "x-captcha-token"
_SECONDS = 5.0
_MAX_TOKEN_LENGTH = 8192  # the longest are hCaptcha's, of some 4,000 characters
_MAX_ANSWER_BYTES = 65_536
_OUR_FAULT = {"missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch"}

_log = logging.getLogger("atrium.auth.captcha")


async def check(client: Client) -> None:
    """Let pass whoever sends a good token, and everybody where no CAPTCHA is set up.

    No storage; one request of at most five seconds. Raises CaptchaRequired, CaptchaUnavailable, and
    NotConfigured where the settings are incomplete or the verifier refuses the secret.
    """
    url = optional_setting(URL)
    if url is None:
        return
    secret, token = setting(SECRET), client.header(HEADER) or ""
    if not token or len(token) > _MAX_TOKEN_LENGTH:
        raise CaptchaRequired
    form = {"secret": secret, "response": token}
    if client.address:
        form["remoteip"] = client.address
    answer = await _verified(url, form)
    if answer.get("success") is True:
        return
    codes = answer.get("error-codes")
    if isinstance(codes, list) and not _OUR_FAULT.isdisjoint(map(str, codes)):
        raise InvalidSetting(SECRET)
    raise CaptchaRequired


async def _verified(url: str, form: dict[str, str]) -> dict[str, Any]:
    """What the verifier says. Raises CaptchaUnavailable."""
    try:
        answer = await ask("POST", url, seconds=_SECONDS, max_bytes=_MAX_ANSWER_BYTES, form=form)
        verdict = json.loads(answer.body)
    except (NoAnswer, ValueError) as error:
        raise CaptchaUnavailable from error
    if not isinstance(verdict, dict) or "success" not in verdict:
        _log.warning("The CAPTCHA verifier answered %d and no verdict", answer.status)
        raise CaptchaUnavailable
    return verdict
