"""What can be done, by subject.

| | |
|---|---|
| finding.py | where an item is, and what the caller may do with it |
| changing.py | what commands share: one change of a drive after the other, quotas, events |
| uploading.py | begin an upload, go on with it, complete it |
| checking.py, settling.py | what is in an upload; make it available, or reject it |
| thumbnails.py | small images |
| listing.py, reading.py | see items; addresses for their bytes |
| arranging.py | folders, rename, move, copy |
| versions.py | see and restore versions |
| bin.py, purging.py | the bin; what goes for good |
| sharing.py, links.py, dropping.py | share with users and workspaces; links; files from strangers |
| sweeping.py, orphans.py | what is due; bytes without a row, rows without bytes |
| erasing.py | accounts and workspaces that are gone |

Invariant: a command finds and checks, then changes the drive in one transaction, and only then touches bytes;
what a crash leaves undone is done by the event that comes again, or by a sweep.
"""
