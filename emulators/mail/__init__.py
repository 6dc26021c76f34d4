"""A mail server on a laptop that delivers nothing: it catches mails, and shows them on a page."""
