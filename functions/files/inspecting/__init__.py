"""Looking into files that strangers sent: images and archives, in a process of their own.

Invariant: no parser of hostile bytes runs in the function app's own process. Callers use `parent` alone;
`child`, `images` and `archives` are run by it, confined, and import nothing else of the app.
"""
