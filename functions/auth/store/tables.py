"""The names of auth's tables, and of the setting that says where they are."""

SETTING = "AUTH_STORAGE"
USERS = "authusers"
EMAILS = "authemails"
SESSIONS = "authsessions"
KEYS = "authkeys"
