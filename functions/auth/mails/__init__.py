"""The mails that auth sends: what each must be told (values.py), and how it reads (rendering.py, templates/).

Invariant: no mail holds words of a stranger's choice, such as a display name: whoever registers somebody
else's address would write to him through us.
"""

from functions.auth.mails.rendering import product_name
from functions.auth.mails.values import TemplateName, Values, checked, read

__all__ = ["TemplateName", "Values", "checked", "product_name", "read"]
