"""What can be done, by subject.

| | |
|---|---|
| registering.py | make an account |
| accounts.py | see and change oneself |
| sessions.py | sign in, see and end sessions |
| proving.py | prove oneself by a second factor: finish a sign-in, step up |
| factors.py | add, see and remove second factors; operating_factors.py for operators |
| passkey_sign_in.py | sign in with a passkey alone |
| providers.py, identities.py | sign in with other providers; link and unlink them |
| refreshing.py | refresh a session |
| addresses.py | prove that an address is one's own, change it |
| passwords.py | change, forget and reset a password |
| links.py | sign in by a link or digits from a mail |
| erasing.py | leave: delete an account, and erase it in the end |
| rotating.py | rotate the signing keys |
| workspaces.py, members.py | make and change workspaces; roles, leaving, handing over |
| invitations.py, join_links.py | the ways into a workspace |
| following.py, erasing_workspaces.py | what follows from a change; deleted workspaces, step by step |
| changing.py, mailing.py | what commands share: read, decide, write, again; mails |

Invariant: a command reads a partition (a user's, a workspace's), decides, and writes it in one transaction on
the condition that it is as it was read; what must be seen at once by every service is published before it
returns.
"""
