"""What can be done, by subject.

| | |
|---|---|
| registering.py | make an account |
| accounts.py | see and change oneself |
| sessions.py | sign in, step up, see and end sessions |
| refreshing.py | refresh a session |
| addresses.py | prove that an address is one's own, change it |
| passwords.py | change, forget and reset a password |
| links.py | sign in by a link or digits from a mail |
| erasing.py | leave: delete an account, and erase it in the end |

Invariant: a command reads a user's partition, decides, and writes it in one transaction on the condition
that it is as it was read; what must be seen at once by every service is published before it returns.
"""
