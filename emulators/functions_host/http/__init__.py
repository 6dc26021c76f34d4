"""HTTP as the host speaks it: routes, keys, requests, answers, admin pages and webhooks."""
