"""The headers that auth's routes look at, as OpenAPI shows them."""

from shared_code.endpoint import Header

CAPTCHA = Header("X-Captcha-Token", "Where a CAPTCHA is set up: what solving it gave.")
CSRF = Header("X-Atrium-CSRF", "Any value. Needed where a cookie is sent, or asked for.")
DEVICE = Header(
    "X-Device-Token", "The `device_token` of an earlier sign-in from this device, if there is one."
)
