"""What can be done, by subject.

| | |
|---|---|
| accounts.py | register, see and change oneself, leave |
| sessions.py | sign in, refresh, see and end sessions, step up |
| addresses.py | prove that an address is one's own, change it |
| passwords.py | change, forget and reset a password |
| links.py | sign in by a link or digits from a mail |
| erasing.py | what is left to do for accounts that were deleted |

Invariant: a command reads a user's partition, decides, and writes it in one transaction on the condition
that it is as it was read; what must be seen at once by every service is published before it returns.
"""
