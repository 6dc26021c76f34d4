"""The mails that auth sends: what each must be told (values.py), and how it reads (rendering.py, templates/).

Invariant: a mail holds words of a stranger's choice only where it must (a device, a workspace's name), and
then as one short line that no mail program makes a link of: who names things would write to others by us.
"""

from functions.auth.mails.rendering import product_name
from functions.auth.mails.values import TemplateName, Values, checked, read

__all__ = ["TemplateName", "Values", "checked", "product_name", "read"]
