"""What can go wrong with files.

AtriumError
├── NotFound
│   ├── FileNotFound          no such item, or none that the caller may see: never said which
│   ├── VersionNotFound
│   ├── ThumbnailNotFound     the file has none (yet)
│   ├── GrantNotFound
│   └── LinkNotFound          revoked, over, used up, or never was: never said which
├── Forbidden
│   ├── FileRoleRequired      the caller may see it, and not do this
│   ├── LinkPasswordRequired
│   └── NotTheUploader        an upload is finished by whoever began it
├── Conflict
│   ├── NameTaken
│   ├── QuotaExceeded
│   ├── DriveFull             of files, folders, or of what one of them can hold
│   ├── FileTooLarge
│   ├── FolderIntoItself
│   ├── UploadMissing         nothing was uploaded yet
│   ├── UploadInProgress      one at a time
│   ├── AlreadyCompleted
│   ├── UploadOver            its time is over, or it was rejected
│   ├── ScanPending           no verdict yet
│   ├── FileRejected
│   ├── InBin
│   └── NotInBin
└── Unavailable
    └── DriveBusy             too many changes of one drive at a time
"""

from shared_code.errors import Conflict, Forbidden, NotFound, Unavailable


class FileNotFound(NotFound):
    """There is none, or the caller may not see it."""

    code = "file_not_found"
    title = "There is no such file or folder"


class VersionNotFound(NotFound):
    """The file has no such version (any more)."""

    code = "version_not_found"
    title = "The file has no such version"


class ThumbnailNotFound(NotFound):
    """It is no image, or its thumbnails are not made yet."""

    code = "thumbnail_not_found"
    title = "The file has no such thumbnail"


class GrantNotFound(NotFound):
    """It is not shared with them."""

    code = "grant_not_found"
    title = "It is not shared with them"


class LinkNotFound(NotFound):
    """It never was, is over, used up or revoked, or what it opens is gone."""

    code = "link_not_found"
    title = "The link is not valid any more"


class FileRoleRequired(Forbidden):
    """The caller may see it, and not do this to it."""

    code = "file_role_required"
    title = "Your role on this file or folder does not allow this"


class LinkPasswordRequired(Forbidden):
    """The link has a password, and this is not it."""

    code = "link_password_required"
    title = "The link needs its password"


class NotTheUploader(Forbidden):
    """Somebody else began this upload."""

    code = "not_the_uploader"
    title = "Whoever began an upload finishes it"


class NameTaken(Conflict):
    """The folder has something of that name, or of one that looks the same."""

    code = "name_taken"
    title = "There is something of that name in the folder"


class QuotaExceeded(Conflict):
    """The drive has not so much room left."""

    code = "quota_exceeded"
    title = "There is not enough room left"


class DriveFull(Conflict):
    """Of files, folders, grants or links."""

    code = "drive_full"
    title = "There can be no more of these"


class FileTooLarge(Conflict):
    """Larger than this deployment takes."""

    code = "file_too_large"
    title = "The file is too large"


class FolderIntoItself(Conflict):
    """A folder cannot be in itself."""

    code = "folder_into_itself"
    title = "A folder cannot be moved into itself"


class UploadMissing(Conflict):
    """Nothing was uploaded, or blocks were not committed."""

    code = "upload_missing"
    title = "Nothing has been uploaded yet"


class UploadInProgress(Conflict):
    """The file waits for another upload."""

    code = "upload_in_progress"
    title = "Another upload of this file is under way"


class AlreadyCompleted(Conflict):
    """The upload was completed before."""

    code = "already_completed"
    title = "The upload is completed already"


class UploadOver(Conflict):
    """Its time is over, or it was rejected: a new one is needed."""

    code = "upload_over"
    title = "This upload is over, begin another one"


class ScanPending(Conflict):
    """It was not uploaded, or not checked, to its end."""

    code = "scan_pending"
    title = "The file is not checked yet"


class FileRejected(Conflict):
    """Its content was refused; there is nothing to read."""

    code = "file_rejected"
    title = "The content of this file was rejected"


class InBin(Conflict):
    """It, or a folder above it, is in the bin."""

    code = "in_bin"
    title = "It is in the bin, restore it first"


class NotInBin(Conflict):
    """It is not in the bin."""

    code = "not_in_bin"
    title = "It is not in the bin"


class DriveBusy(Unavailable):
    """Others change the same drive all the time."""

    code = "drive_busy"
    title = "Too much happens in this drive, please try again"
