"""Auth's tables, and the setting that says where they are.

authusers      PK user id                            all that is kept of a user (users.py)
authemails     PK hash of the address, RK `email`    whose the address is (reservations.py)
authlimits     PK hash of limit and key              what was tried lately (shared_code/limits)
authflows      PK hash of the token, RK the kind   what is under way (flows.py)
authidentities PK hash of provider and subject      whose an identity elsewhere is (reservations.py)
authkeys       PK `signing`, RK the key's role       the signing keys, sealed (keys.py)
autherasures   PK day, RK user id                    who is to be erased then (erasures.py)
authworkspaces PK workspace id                       all that is kept of a workspace (workspaces.py)
authactivity   PK time slot and shard, RK user id    who may have events to tell (shared_code/outbox)
"""

SETTING = "AUTH_STORAGE"
USERS = "authusers"
EMAILS = "authemails"
FLOWS = "authflows"
IDENTITIES = "authidentities"
KEYS = "authkeys"
LIMITS = "authlimits"
ERASURES = "autherasures"
ACTIVITY = "authactivity"
WORKSPACES = "authworkspaces"
WORKSPACE_TABLES = (WORKSPACES,)
"""Those that hold workspaces' data: reached by the workspace only (tests/unit/test_workspace_scope.py)."""
