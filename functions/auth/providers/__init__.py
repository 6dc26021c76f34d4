"""Other providers that one can sign in with: OpenID Connect by discovery, and GitHub, which has OAuth alone.

settings.py says which there are, discovery.py what a provider says of itself, id_tokens.py whether a token is
its own, openid.py and github.py how one asks it. Invariant: what comes out is a `Profile`, and nothing in it
is believed that the provider has not signed or said over a connection of ours.
"""

from functions.auth.providers.asking import Profile, Provider, Return, Started
from functions.auth.providers.settings import named, names, redirect_uris

__all__ = ["Profile", "Provider", "Return", "Started", "named", "names", "redirect_uris"]
