"""The local stack: starts, watches and stops the parts that stand in for Azure on a laptop.

Run as ``python -m emulators.stack``; ``docs/local-stack.md`` tells the idea. One room per concern:
``options`` (what was asked), ``ports`` (who listens where), ``settings`` (local.settings.json),
``state`` (the files of one stack), ``parts`` (what a part is), ``catalogue`` (which parts there
are), ``process`` (one running part), ``supervisor`` (all of them), ``watchdog`` and ``guard``
(nobody outlives the supervisor), ``launch`` (one whole run).

Invariant: either every part runs, or none does and the reason has been printed.
"""
