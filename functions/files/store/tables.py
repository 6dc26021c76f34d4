"""The tables, containers and queues of files, and the setting that says where they are.

filesdrives    PK user or workspace     all that is kept of a drive (drives.py)
filesindex     PK item id               in which drive it is (index.py)
filesshares    PK user or workspace     what is shared with them, by item (index.py)
fileslinks     PK link id               links (links.py)
filesaccess    PK item id               who had access (access.py)
filesdue       PK minute                what is to be looked at then (due.py)
filesmembers   PK user                  in which workspaces he is, as auth's events say (members.py)
fileslimits    PK hash of limit and key what was tried lately (shared_code/limits)
filesactivity  PK time slot and shard   who may have events to tell (shared_code/outbox)

files-quarantine   <drive>/<file>/<upload>   what strangers upload, until it is checked
files-content      <drive>/<file>/<upload>   what was checked; with .256.webp and .1024.webp: thumbnails

files-thumbnails   a Storage queue: images that want small ones of them
"""

SETTING = "FILES_STORAGE"
DRIVES = "filesdrives"
INDEX = "filesindex"
SHARES = "filesshares"
LINKS = "fileslinks"
ACCESS = "filesaccess"
DUE = "filesdue"
MEMBERS = "filesmembers"
LIMITS = "fileslimits"
ACTIVITY = "filesactivity"
QUARANTINE = "files-quarantine"
CONTENT = "files-content"
THUMBNAILS = "files-thumbnails"
WORKSPACE_TABLES = (DRIVES,)
"""Those that hold workspaces' data: reached by the workspace only (tests/unit/test_workspace_scope.py)."""
